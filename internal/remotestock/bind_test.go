package remotestock_test

import (
	"errors"
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
