package remotestock_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// One charge of a buyer's card must not pay two orders.
func TestTheSamePaymentIDPaysInOneSale(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("one", 5))
	open(t, s, newSale("two", 5))
	one, two := held(t, s, "one", 1)[0], held(t, s, "two", 1)[0]
	p := payment("pay/1", one.Order, 4200)
	if got, _, err := s.Pay(t.Context(), "one", 0, p); err != nil || got.Order.State != sale.StatePaid {
		t.Fatalf("got %+v, %v, want a paid order", got, err)
	}
	again := payment("pay/1", two.Order, 4200)
	again.Message = "msg_2"
	before := dump(t, client)
	for range 2 {
		_, _, err := s.Pay(t.Context(), "two", 0, again)
		if !errors.Is(err, sale.ErrConflict) || !strings.Contains(err.Error(), "for sale one") {
			t.Errorf("in another sale: got %v, want a conflict that names the first", err)
		}
	}
	if _, err := s.Orphan(t.Context(), "three", again); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("for a sale that nobody knows: got %v, want a conflict", err)
	}
	wantUnchanged(t, client, before)
	if got, _, err := s.Pay(t.Context(), "one", 0, p); err != nil || !got.Replayed || got.Order.State != sale.StatePaid {
		t.Errorf("sent again: got %+v, %v, want the first answer", got, err)
	}
	if ttl := client.PTTL(t.Context(), "{onsale:payment:pay/1}").Val(); ttl < 29*24*time.Hour || ttl > 30*24*time.Hour {
		t.Errorf("a payment's sale is remembered for %v, want 30 days", ttl)
	}
}

// Anyone who dies after a payment was bound and before it was recorded leaves it for the next try.
func TestAPaymentIsPaidAfterACrashBehindItsBinding(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("one", 5))
	c := held(t, s, "one", 1)[0]
	if err := client.Set(t.Context(), "{onsale:payment:p1}", "one", time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	got, _, err := s.Pay(t.Context(), "one", 0, payment("p1", c.Order, 4200))
	if err != nil || got.Order.State != sale.StatePaid || got.Replayed {
		t.Errorf("got %+v, %v, want a paid order", got, err)
	}
}

// A payment that is due to go back as an orphan pays nothing once its sale is known.
func TestAnOrphanPaymentStaysOne(t *testing.T) {
	s, _ := newStore(t, server.Addr(), "n1")
	if _, err := s.Orphan(t.Context(), "late", stray(1)); err != nil {
		t.Fatal(err)
	}
	open(t, s, newSale("late", 5))
	got, _, err := s.Pay(t.Context(), "late", 0, stray(1))
	if err != nil || !got.Replayed || got.Payment.Reason != sale.ReasonOrphan || got.Payment.State != sale.PaymentDue {
		t.Errorf("got %+v, %v, want the refund that is due", got, err)
	}
	if page, err := s.Payments(t.Context(), "late", sale.PaymentDue, "", 10); err != nil || len(page.Payments) != 0 {
		t.Errorf("got %v, %v, want it in one list alone", page.Payments, err)
	}
}

// Of two sales that are paid with the same payment at the same time, one is paid.
func TestTwoSalesRaceForOnePayment(t *testing.T) {
	s, _ := newStore(t, server.Addr(), "n1")
	other, _ := newStore(t, server.Addr(), "n2")
	ids := []sale.ID{"one", "two"}
	var orders []sale.OrderID
	for _, id := range ids {
		open(t, s, newSale(string(id), 5))
		orders = append(orders, held(t, s, id, 1)[0].Order)
	}
	var paid [2]bool
	var group sync.WaitGroup
	for i, store := range []*remotestock.Store{s, other} {
		group.Go(func() {
			got, _, err := store.Pay(t.Context(), ids[i], 0, payment("p1", orders[i], 4200))
			paid[i] = err == nil && got.Order.State == sale.StatePaid
			if err != nil && !errors.Is(err, sale.ErrConflict) {
				t.Errorf("sale %s: %v", ids[i], err)
			}
		})
	}
	group.Wait()
	if paid[0] == paid[1] {
		t.Errorf("got paid %v, want one of the two", paid)
	}
}

// The loss that a sale is reconciled after may have taken its payments' keys with it: without
// them, a payment that was reported again for another sale would pay there as well.
func TestAReconciledSaleKeepsItsPayments(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("again", 500))
	open(t, s, newSale("other", 5))
	claims := held(t, s, "again", 300)
	for i, c := range claims {
		if _, _, err := s.Pay(t.Context(), "again", 0, payment(fmt.Sprint("p", i), c.Order, 4200)); err != nil {
			t.Fatal(err)
		}
	}
	// Money of a payment that was never reported goes back: it is the sale's as well.
	if _, _, err := s.Pay(t.Context(), "again", 0, sale.Payment{
		ID: "r0", Message: "msg_r0", Of: "p-unreported", Order: claims[0].Order, Amount: 4200, Currency: "EUR", Reason: sale.ReasonReturned,
	}); err != nil {
		t.Fatal(err)
	}
	whole := wantClean(t, s, "again")
	for id, p := range whole.Payments { // more of them than one pipeline takes
		p.At = p.At.Add(-time.Hour)
		switch id {
		case "p1":
			p.At = p.At.Add(-30 * 24 * time.Hour)
		case "p2":
			p.At = p.At.Add(2 * time.Hour) // the clock of another Redis
		}
		whole.Payments[id] = p
	}
	key := func(i int) string { return fmt.Sprintf("{onsale:payment:p%d}", i) }
	for i := range claims {
		client.Del(t.Context(), key(i))
	}
	client.Del(t.Context(), "{onsale:payment:p-unreported}")
	if err := client.Set(t.Context(), key(3), "other", time.Hour).Err(); err != nil {
		t.Fatal(err)
	}
	if err := s.Shut(t.Context(), "again", "a test"); err != nil {
		t.Fatal(err)
	}
	adoptNow(t, s, whole, false)
	for i := range claims {
		want, least, most := "again", 30*24*time.Hour-62*time.Minute, 30*24*time.Hour-time.Hour
		switch i {
		case 1:
			want, least, most = "", -2*time.Second, 0 // nobody asks for it any more
		case 2:
			least, most = 30*24*time.Hour-time.Minute, 30*24*time.Hour
		case 3:
			want, least, most = "other", 50*time.Minute, time.Hour // it has an owner
		}
		if got, ttl := client.Get(t.Context(), key(i)).Val(), client.PTTL(t.Context(), key(i)).Val(); got != want || ttl < least || ttl > most {
			t.Errorf("payment %d belongs to %q for %v, want %q for %v to %v", i, got, ttl, want, least, most)
		}
	}
	if got := client.Get(t.Context(), "{onsale:payment:p-unreported}").Val(); got != "again" {
		t.Errorf("a payment of which only a part is known belongs to %q, want again", got)
	}
	bob := held(t, s, "other", 1)[0]
	if _, _, err := s.Pay(t.Context(), "other", 0, payment("p0", bob.Order, 4200)); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("in another sale: got %v, want a conflict", err)
	}
}
