package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

// takenAt returns the order as it was taken so many milliseconds after the start.
func takenAt(buyer string, quantity int, ms sale.Instant) sale.Order {
	o := newOrder(buyer, start+ms)
	o.Quantity = quantity
	return o
}

// TestHistoryOfASale has three tickets sold out, one back, and sold out again.
func TestHistoryOfASale(t *testing.T) {
	s, id := openStore(t, ledgertest.Server.URL()), newID()
	ctx := context.Background()
	commit(t, s, id, opened(newSale(id, 3)))
	a, b, c, d := takenAt("a", 2, 1000), takenAt("b", 1, 2500), takenAt("c", 1, 6000), takenAt("d", 1, 9000)
	late := newPayment(b, "late", start+5000)
	late.State, late.Reason = sale.PaymentDue, sale.ReasonLate
	commit(t, s, id, entry(2500, a, b),
		sale.Event{ID: "3-0", At: start + 4000, Orders: []sale.Order{in(b, sale.StateExpired)}},
		entry(6000, in(c, sale.StateHeld)),
		sale.Event{ID: "7-0", At: start + 7000, Orders: []sale.Order{in(a, sale.StatePaid), in(c, sale.StateCancelled)}, Payments: []sale.Payment{newPayment(a, "pay_1", start+7000), late}},
		entry(9000, d))
	h, err := s.History(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	want := History{
		First: start + 1000, Last: start + 9000, Step: time.Second, SoldOut: start + 2500, SoldOutAtLast: start + 9000,
		States:    map[sale.State]Tally{sale.StatePaid: {1, 2}, sale.StateExpired: {1, 1}, sale.StateCancelled: {1, 1}, sale.StateHeld: {1, 1}},
		Payments:  []PaymentTally{{sale.PaymentApplied, "", "EUR", 1, 8400}, {sale.PaymentDue, sale.ReasonLate, "EUR", 1, 8400}},
		PaidAfter: PaymentTimes{Count: 1, P50: 6 * time.Second, P90: 6 * time.Second, P99: 6 * time.Second, Max: 6 * time.Second},
		Flow: []Moment{
			{At: start + 1000, Taken: 1, Live: 2}, {At: start + 2000, Taken: 1, Live: 3}, {At: start + 3000, Live: 3}, {At: start + 4000, Expired: 1, Live: 2},
			{At: start + 5000, Live: 2}, {At: start + 6000, Taken: 1, Live: 3}, {At: start + 7000, Cancelled: 1, Live: 2}, {At: start + 8000, Live: 2}, {At: start + 9000, Taken: 1, Live: 3},
		},
	}
	if diff := cmp.Diff(want, h, cmpopts.IgnoreFields(History{}, "Sale", "Read"), cmpopts.EquateEmpty()); diff != "" || h.Sale.Total != 3 || h.Read == 0 {
		t.Errorf("total %d, read %d (-want +got):\n%s", h.Sale.Total, h.Read, diff)
	}
	t.Run("with another total since", func(t *testing.T) {
		commit(t, s, id, sale.Event{ID: "10-0", At: start + 10000, Restock: &sale.Restock{Key: "more", Delta: 1}})
		if h, err := s.History(ctx, id); err != nil || !h.Restocked || h.Sale.Total != 4 || h.SoldOut != 0 {
			t.Errorf("got %v, total %d, sold out at %d, want four tickets that were never sold out", err, h.Sale.Total, h.SoldOut)
		}
	})
}

func TestHistoryOfNothing(t *testing.T) {
	s, id := sold(t)
	if h, err := s.History(context.Background(), id); err != nil || h.First != 0 || h.PaidAfter.Count != 0 || len(h.Flow) != 0 || h.SoldOut != 0 {
		t.Errorf("got %v and %+v, want no order", err, h)
	}
	if _, err := s.History(context.Background(), newID()); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want %v", err, sale.ErrNoSale)
	}
}

// A sale of months has no more steps than one of minutes.
func TestStepsOfALongSale(t *testing.T) {
	for last, want := range map[sale.Instant]int{0: 1, 999: 1, 1000: 2, 399_999: 400, 400_000: 201, 86_400_000: 400, 9_000_000_000: 400} {
		h := History{First: start, Last: start + last}
		h.begin()
		h.happened(h.Last, "taken", 1)
		if got := len(h.Flow); got > want || got < want-2 || h.Flow[len(h.Flow)-1].Taken != 1 {
			t.Errorf("%d ms: got %d steps of %v, want %d and the last of them full", last, got, h.Step, want)
		}
	}
}
