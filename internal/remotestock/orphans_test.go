package remotestock_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// stray is a payment for an order of a sale that nobody knows.
func stray(n int) sale.Payment {
	return sale.Payment{
		ID: sale.PaymentID(fmt.Sprint("pay/", n)), Message: sale.MessageID(fmt.Sprint("msg_", n)),
		Order: "01890a5d-ac96-774b-bcce-b302099a8057", Amount: 9900, Currency: "EUR", At: sale.Instant(1_000_000 - n),
	}
}

// orphaned is a payment as it is kept: its money has to go back.
func orphaned(p sale.Payment) sale.Payment {
	p.State, p.Reason = sale.PaymentDue, sale.ReasonOrphan
	return p
}

func TestAPaymentForAnUnknownSaleIsKeptOnce(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	for i, replayed := range []bool{false, true, true} {
		p := stray(1)
		p.At += sale.Instant(i) // each attempt comes later
		got, err := s.Orphan(t.Context(), "gone", p)
		if diff := cmp.Diff(sale.Receipt{Payment: orphaned(stray(1)), Replayed: replayed}, got); err != nil || diff != "" {
			t.Errorf("attempt %d: got %v (-want +got):\n%s", i, err, diff)
		}
	}
	another := stray(1)
	another.Message = "msg_2" // a provider may speak of a payment in two messages
	if got, err := s.Orphan(t.Context(), "gone", another); err != nil || !got.Replayed || got.Payment.Message != "msg_1" {
		t.Errorf("got %+v, %v, want the payment of before", got, err)
	}
	want := []sale.Orphan{{Sale: "gone", Payment: orphaned(stray(1))}}
	got, err := s.Orphans(t.Context(), sale.PaymentDue, "", 10)
	if diff := cmp.Diff(want, got.Orphans); err != nil || diff != "" {
		t.Errorf("got %v (-want +got):\n%s", err, diff)
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	slices.Sort(keys)
	if err != nil || !slices.Equal(keys, []string{"{onsale:orphans}", "{onsale:orphans}:index", "{onsale:payment:pay/1}"}) {
		t.Errorf("got the keys %q, %v, want no trace of a sale", keys, err)
	}
}

func TestAPaymentForAnUnknownSaleWithAnotherContentIsAConflict(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	if _, err := s.Orphan(t.Context(), "gone", stray(1)); err != nil {
		t.Fatal(err)
	}
	before := dump(t, client)
	for name, c := range map[string]struct {
		id     sale.ID
		change func(*sale.Payment)
	}{
		"another amount":                    {"gone", func(p *sale.Payment) { p.Amount++ }},
		"another currency":                  {"gone", func(p *sale.Payment) { p.Currency = "CHF" }},
		"another order":                     {"gone", func(p *sale.Payment) { p.Order = "01890a5d-ac96-774b-bcce-b302099a8058" }},
		"another sale":                      {"lost", func(*sale.Payment) {}},
		"another payment under its message": {"gone", func(p *sale.Payment) { p.ID = "pay/2" }},
	} {
		p := stray(1)
		c.change(&p)
		if got, err := s.Orphan(t.Context(), c.id, p); !errors.Is(err, sale.ErrConflict) {
			t.Errorf("%s: got %+v, %v, want %v", name, got, err, sale.ErrConflict)
		}
	}
	wantUnchanged(t, client, before)
}

func TestPaymentsForUnknownSalesAreListedByTime(t *testing.T) {
	s, _ := newStore(t, server.Addr(), "n1")
	if got, err := s.Orphans(t.Context(), sale.PaymentDue, "", 10); err != nil || len(got.Orphans) != 0 {
		t.Errorf("got %v, %v, want none", got, err)
	}
	const payments = 700 // so many that Redis makes a hash table of them
	var group sync.WaitGroup
	for range 2 { // each is reported twice, through two nodes at once
		group.Go(func() {
			for n := range payments {
				if _, err := s.Orphan(t.Context(), "gone", stray(n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	got, err := allOrphans(t, s, sale.PaymentDue)
	if err != nil || len(got) != payments {
		t.Fatalf("got %d orphans, %v, want %d", len(got), err, payments)
	}
	for i, o := range got {
		if want := (sale.Orphan{Sale: "gone", Payment: orphaned(stray(payments - 1 - i))}); o != want {
			t.Fatalf("got %+v at %d, want %+v: the oldest first", o, i, want)
		}
	}
}

func TestAPaymentForAnUnknownSaleIsSettledOnce(t *testing.T) {
	s, _ := newStore(t, server.Addr(), "n1")
	if _, err := s.SettleOrphan(t.Context(), "pay/1"); !errors.Is(err, sale.ErrNoPayment) {
		t.Errorf("got %v, want %v", err, sale.ErrNoPayment)
	}
	for n := 1; n <= 2; n++ {
		if _, err := s.Orphan(t.Context(), "gone", stray(n)); err != nil {
			t.Fatal(err)
		}
	}
	settled := orphaned(stray(1))
	settled.State = sale.PaymentSettled
	for range 2 {
		got, err := s.SettleOrphan(t.Context(), "pay/1")
		if want := (sale.Orphan{Sale: "gone", Payment: settled}); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	// The provider may still repeat its message.
	if got, err := s.Orphan(t.Context(), "gone", stray(1)); err != nil || !got.Replayed || got.Payment != settled {
		t.Errorf("got %+v, %v, want it settled, and nothing new", got, err)
	}
	for state, want := range map[sale.PaymentState]sale.Payment{sale.PaymentDue: orphaned(stray(2)), sale.PaymentSettled: settled} {
		got, err := allOrphans(t, s, state)
		if diff := cmp.Diff([]sale.Orphan{{Sale: "gone", Payment: want}}, got); err != nil || diff != "" {
			t.Errorf("%s: got %v (-want +got):\n%s", state, err, diff)
		}
	}
}

// allOrphans follows the pages, which are small.
func allOrphans(t *testing.T, s *remotestock.Store, state sale.PaymentState) (all []sale.Orphan, err error) {
	t.Helper()
	for after := ""; ; {
		page, err := s.Orphans(t.Context(), state, after, 64)
		all = append(all, page.Orphans...)
		if after = page.Next; err != nil || after == "" {
			return all, err
		}
	}
}

func TestOrphansOfAnotherShapeAreErrors(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	for _, record := range []string{"", "gone", "gone due orphan 1 EUR 1 o", "gone due orphan x EUR 1 o m"} {
		if err := client.HSet(t.Context(), "{onsale:orphans}", "p:pay/1", record).Err(); err != nil {
			t.Fatal(err)
		}
		_, err2 := s.SettleOrphan(t.Context(), "pay/1")
		_, err3 := s.Orphan(t.Context(), "gone", stray(1))
		for _, err := range []error{err2, err3} {
			if err == nil || errors.Is(err, sale.ErrConflict) || !strings.Contains(err.Error(), "pay/1") {
				t.Errorf("%q: got %v, want an error that names the payment", record, err)
			}
		}
	}
}

func TestWithoutRedisNoPaymentForAnUnknownSaleIsKept(t *testing.T) {
	r := processtest.Redis(t)
	s, _ := newStore(t, r.Addr(), "n1")
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Orphan(t.Context(), "gone", stray(1)); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, sale.ErrUnavailable)
	}
	if _, err := s.Orphans(t.Context(), sale.PaymentDue, "", 1); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, sale.ErrUnavailable)
	}
	if _, err := s.SettleOrphan(t.Context(), "pay/1"); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v, want %v", err, sale.ErrUnavailable)
	}
}
