package model_test

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

func newSale(ledger bool) *model.Sale {
	m := model.New(sale.Sale{ID: "s", Total: 10, Limit: 4, Price: 500, Currency: "EUR", HoldFor: time.Minute}, "life", ledger)
	m.Now = 1_000
	return m
}

func hold(t *testing.T, m *model.Sale, order sale.OrderID, buyer sale.Buyer) sale.Decision {
	t.Helper()
	got, err := m.Decide([]sale.Claim{{Order: order, Buyer: buyer, Quantity: 1}}, false)
	if err != nil {
		t.Fatal(err)
	}
	return got[0]
}

// all has every kind of change happen once.
func all(t *testing.T, m *model.Sale) {
	t.Helper()
	for i := range 4 {
		hold(t, m, sale.OrderID(fmt.Sprint("o", i)), sale.Buyer(fmt.Sprint("buyer-", i)))
	}
	pay := func(id sale.PaymentID, order sale.OrderID) {
		if _, err := m.Pay(sale.Payment{ID: id, Message: sale.MessageID("m" + id), Order: order, Amount: 500, Currency: "EUR"}); err != nil {
			t.Fatal(err)
		}
	}
	pay("p0", "o0")
	pay("p1", "o1")
	pay("p2", "nobody's")
	_, err := m.Refund("o1")
	_, err2 := m.Cancel("o2", "buyer-2")
	m.Now += 60_000
	_, err3 := m.Expire(m.Overdue(10)...)
	_, err4 := m.Settle("p1")
	_, err5 := m.Restock(5, "k")
	if err := errors.Join(err, err2, err3, err4, err5, m.SetClosed(true), m.SetClosed(false)); err != nil {
		t.Fatal(err)
	}
}

func TestEventsFollowUponEachOtherAndAddUp(t *testing.T) {
	m := newSale(false)
	all(t, m)
	at, streamed := sale.Mark{Epoch: 1, Link: "life"}, sale.NewRecords()
	for _, e := range m.Events() {
		if at = at.Next(e.Covered); at != e.Mark {
			t.Fatalf("got the mark %+v, want %+v", e.Mark, at)
		}
		streamed.Apply(e)
	}
	if at != m.Chain().Mark || len(m.Events()) != 15 {
		t.Errorf("got the mark %+v after %d events, want %+v after 15", m.Chain().Mark, len(m.Events()), at)
	}
	if want := m.Records(); !reflect.DeepEqual(streamed, want) {
		t.Errorf("got events of %+v, want %+v", streamed, want)
	}
	if want := (sale.Counters{Total: 15, Remaining: 14, Paid: 1}); m.Counters() != want {
		t.Errorf("got the books %+v, want %+v", m.Counters(), want)
	}
}

func TestACloneSharesNothing(t *testing.T) {
	m := newSale(false)
	hold(t, m, "o", "ann")
	c := m.Clone()
	before := c.Snapshot()
	all(t, m)
	if after := c.Snapshot(); !reflect.DeepEqual(before, after) {
		t.Errorf("got %+v, want %+v as before", after, before)
	}
}

func TestLossIsSeenByWhoeverHasSeenWhatIsLost(t *testing.T) {
	for name, since := range map[string]int{"behind": 0, "another event under the number": 1, "another history goes on": 3} {
		m := newSale(false)
		earlier := m.Clone()
		hold(t, m, "o", "ann")
		seen := m.Chain().Mark
		m.GoBack(earlier)
		if err := m.See(earlier.Chain().Mark); err != nil {
			t.Fatalf("%s: what is there: got %v", name, err)
		}
		for i := range since {
			hold(t, m, sale.OrderID(fmt.Sprint("o", i)), sale.Buyer(fmt.Sprint("buyer-", i)))
		}
		if err := m.See(seen); !errors.Is(err, sale.ErrLost) {
			t.Errorf("%s: got %v, want ErrLost", name, err)
		}
		if _, err := m.Decide(nil, false); !errors.Is(err, sale.ErrLost) {
			t.Errorf("%s: got a claim %v, want ErrLost", name, err)
		}
		records, chain := m.Records(), m.Chain()
		chain.Epoch++
		chain.Seq = max(chain.Seq, seen.Seq) // a reconciliation begins after what was seen
		m.Adopt(records, chain, "f")
		if err := m.See(seen); err != nil || !reflect.DeepEqual(m.Records(), records) {
			t.Errorf("%s, reconciled: got %v and %+v, want %+v", name, err, m.Records(), records)
		}
	}
}

func TestWithALedgerNothingSellsBeforeItIsRecorded(t *testing.T) {
	m := newSale(true)
	if _, err := m.Decide([]sale.Claim{{Order: "o", Buyer: "ann", Quantity: 1}}, false); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if err := m.Forget(m.Chain()); err != nil || len(m.Stream()) != 0 {
		t.Fatalf("got %v and %d events left", err, len(m.Stream()))
	}
	if got := hold(t, m, "o", "ann"); got.Outcome != sale.Held {
		t.Errorf("got %v, want held", got.Outcome)
	}
	other := m.Chain()
	other.Life = "another"
	if err := m.Forget(other); !errors.Is(err, sale.ErrLost) {
		t.Errorf("another life: got %v, want ErrLost", err)
	}
}

func TestOnlyOldEndedOrdersThatTheLedgerHasAreRemoved(t *testing.T) {
	m := newSale(true)
	if err := m.Forget(m.Chain()); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		id := sale.OrderID(fmt.Sprint("o", i))
		hold(t, m, id, "ann")
		if _, err := m.Cancel(id, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	removable := func() (n int) {
		for i := range 5 {
			if m.Removable(sale.OrderID(fmt.Sprint("o", i))) {
				n++
			}
		}
		return n
	}
	if got := removable(); got != 0 {
		t.Errorf("unread and young: got %d removable, want none", got)
	}
	m.Now += 10_001
	if got := removable(); got != 0 {
		t.Errorf("unread: got %d removable, want none", got)
	}
	if err := m.Forget(m.Chain()); err != nil || removable() != 2 {
		t.Errorf("got %d removable, %v, want all but the last three", removable(), err)
	}
	if m.Remove("o4") || !m.Remove("o0") || len(m.Records().Orders) != 4 {
		t.Errorf("got %d orders, want the oldest removed alone", len(m.Records().Orders))
	}
}
