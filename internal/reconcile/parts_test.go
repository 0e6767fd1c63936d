package reconcile_test

import (
	"testing"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// Each fork of a sale returned parts of one payment: all of them are kept, and it is reported
// if they are more than there was.
func TestPartsOfBothForksAreKept(t *testing.T) {
	for name, c := range map[string]struct {
		amount int64
		cases  []string
	}{
		"less than the payment": {400, nil},
		"more than the payment": {700, []string{"payment-differs p1: all parts stay; ask the payment provider before those that are due go back"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := ticket(3)
			h.pay("p1", "a1", 1000)
			other := h.copy("f")
			h.refundPart("r1", "a1", c.amount)
			other.returned("r2", "p1", "a1", c.amount)
			wantPlan(t, merged(t, reconcile.Input{Redis: h.side(), Ledger: other.side()}, reconcile.Decisions{}), want{
				relation: reconcile.Forked, orders: []string{"a1 paid"},
				payments: []string{"p1 applied", "r1 due partial", "r2 settled returned"}, cases: c.cases,
			})
		})
	}
}

// The order was refunded in one fork, and the whole payment went back in parts in the other:
// nothing is left to be due.
func TestAPaymentOfWhichNothingIsLeftIsSettled(t *testing.T) {
	h := ticket(3)
	h.pay("p1", "a1", 1000)
	other := h.copy("f")
	h.end("a1", sale.StateRefunded)
	other.refundPart("r1", "a1", 1000)
	wantPlan(t, merged(t, reconcile.Input{Redis: h.side(), Ledger: other.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 refunded"}, payments: []string{"p1 settled refunded", "r1 due partial"},
	})
}

// In one fork a payment paid its order; in the other its provider had reported before that it
// went back, so it paid nothing. That it went back stands in its parts: the order is paid.
func TestAPaymentThatPaidInOneForkIsApplied(t *testing.T) {
	h := ticket(3)
	other := h.copy("f")
	h.pay("p1", "a1", 1000)
	other.returned("r1", "p1", "a1", 1000)
	other.pay("p1", "a1", 1000)
	if p := other.Records().Payments["p1"]; p.State != sale.PaymentSettled || p.Reason != sale.ReasonReturned {
		t.Fatalf("got %+v, want it settled as returned", p)
	}
	for _, in := range []reconcile.Input{{Redis: h.side(), Ledger: other.side()}, {Redis: other.side(), Ledger: h.side()}} {
		plan := merged(t, in, reconcile.Decisions{})
		if p, o := plan.Records.Payments["p1"], plan.Records.Orders["a1"]; p.State != sale.PaymentApplied || o.State != sale.StatePaid {
			t.Errorf("got %+v and %+v, want the order paid\n%s", p, o, plan)
		}
	}
}
