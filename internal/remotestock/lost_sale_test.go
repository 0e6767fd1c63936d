package remotestock_test

import (
	"context"
	"errors"
	"testing"

	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// TestAnOrderOfALostSaleIsNotUnknown: while Redis had lost a sale its buyers
// got "no such order", and were free to believe it.
func TestAnOrderOfALostSaleIsNotUnknown(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	open(t, s, newSale("s", 10))
	mine := claim("ann", 1)
	if _, err := committer(t, s, "s").Decide(mine); err != nil {
		t.Fatal(err)
	}
	reads := map[string]func(order sale.OrderID, buyer sale.Buyer) (sale.Order, error){
		"by its id":    func(order sale.OrderID, _ sale.Buyer) (sale.Order, error) { return s.Order(ctx, "s", order) },
		"by its buyer": func(_ sale.OrderID, buyer sale.Buyer) (sale.Order, error) { return s.OrderOf(ctx, "s", buyer) },
	}
	for name, read := range reads {
		if o, err := read(mine.Order, "ann"); err != nil || o.ID != mine.Order {
			t.Errorf("%s: got %v, %v, want the order", name, o.ID, err)
		}
		if _, err := read("none", "nobody"); !errors.Is(err, sale.ErrNoOrder) || errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("%s, another: got %v, want %v alone", name, err, sale.ErrNoOrder)
		}
	}
	client.FlushAll(ctx)
	_, refund := s.Refund(ctx, "s", mine.Order)
	for name, read := range reads {
		_, err := read(mine.Order, "ann")
		for _, want := range []error{sale.ErrNoSale, sale.ErrUnavailable} {
			if !errors.Is(err, want) || !errors.Is(refund, want) {
				t.Errorf("%s, in a lost sale: got %v and for a refund %v, want both to be %q", name, err, refund, want)
			}
		}
		if errors.Is(err, sale.ErrNoOrder) {
			t.Errorf("%s, in a lost sale: got %v, want nothing reported about the order", name, err)
		}
	}
}

// TestASaleThatNeverWasIsNoOutage: its operator got "store unavailable", too.
func TestASaleThatNeverWasIsNoOutage(t *testing.T) {
	s, _ := newStore(t, server.Addr(), "n1")
	if _, err := s.Survey(context.Background(), "never"); err == nil || err.Error() != "read: no such sale" {
		t.Errorf("got %v, want no more than that there is no such sale", err)
	}
}
