package reconcile_test

import (
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// decide makes the plan with every case decided, as an operator would who reads
// the options.
func decide(t *rapid.T, in reconcile.Input) (reconcile.Plan, reconcile.Decisions) {
	d := decisions(t)
	refund := rapid.Bool().Draw(t, "refund")
	for range 9 {
		p := merged(t, in, d)
		if len(p.DecisionsNeeded()) == 0 {
			return p, d
		}
		for _, c := range p.DecisionsNeeded() {
			switch {
			case c.Kind == reconcile.KindRestock:
				key, delta := "", int64(0)
				if _, err := fmt.Sscanf(rapid.SampledFrom(c.Options).Draw(t, "restock"), "%2s=%d", &key, &delta); err != nil {
					t.Fatal(err)
				}
				d.Restocks[key] = delta
			default:
				t.Fatalf("got %+v to be decided, want the decisions %+v to cover it", c, d)
			}
		}
		if refund {
			d.Oversold = reconcile.RefundLater
			if p := merged(t, in, d); slices.ContainsFunc(p.DecisionsNeeded(), func(c reconcile.Case) bool { return c.Kind == reconcile.KindOversold }) {
				d.Oversold = reconcile.RaiseTotal
			}
		}
	}
	t.Fatal("got a plan that still needs decisions")
	return reconcile.Plan{}, d
}

// wantComplete checks that nothing of the input is missing, and that no live
// order ended without a case that names it.
func wantComplete(t *rapid.T, in reconcile.Input, p reconcile.Plan) {
	t.Helper()
	named := map[sale.OrderID]bool{}
	for _, c := range p.Cases {
		for _, id := range c.Orders {
			named[id] = true
		}
	}
	for _, s := range []*reconcile.Side{in.Redis, in.Ledger} {
		if s == nil {
			continue
		}
		for id, o := range s.Records.Orders {
			now, known := p.Records.Orders[id]
			if !known || o.Buyer != now.Buyer || o.Quantity != now.Quantity {
				t.Errorf("order %s: got %+v, want it as in %+v", id, now, o)
			}
			recorded := func(side *reconcile.Side) bool { return side != nil && side.Records.Orders[id].State == now.State }
			if o.State != now.State && !named[id] && !recorded(in.Redis) && !recorded(in.Ledger) {
				t.Errorf("order %s: got %s, which is in neither record and in no case; was %s", id, now.State, o.State)
			}
			if o.State == sale.StatePaid && now.State != sale.StatePaid && now.State != sale.StateRefunded && !named[id] {
				t.Errorf("order %s was paid, got %s without a case", id, now.State)
			}
		}
		for id, pay := range s.Records.Payments {
			if now, known := p.Records.Payments[id]; !known || now.Order != pay.Order || now.Amount != pay.Amount {
				t.Errorf("payment %s: got %+v, want it as in %+v", id, now, pay)
			}
			payable := pay.Of == "" && pay.Reason == sale.ReasonReturned // the other fork may have taken it
			if pay.State == sale.PaymentSettled && !payable && p.Records.Payments[id].State != sale.PaymentSettled {
				t.Errorf("payment %s was settled, got %+v", id, p.Records.Payments[id])
			}
		}
	}
	for _, h := range in.Holds {
		if _, known := p.Records.Orders[h.Order.ID]; !known {
			t.Errorf("hold %s is missing", h.Order.ID)
		}
	}
}

// wantSound checks what holds once no decision is needed: no ticket sold twice,
// no buyer with two orders, and every payment where it belongs.
func wantSound(t *rapid.T, r sale.Records) {
	t.Helper()
	if c := r.Counters(); !c.Conserved() || c.Total != r.Sale.Total {
		t.Errorf("got counters %+v and a total of %d, want them balanced", c, r.Sale.Total)
	}
	live, applied, parts := map[sale.Buyer]bool{}, map[sale.OrderID]int{}, r.Refunded()
	for _, p := range r.Payments {
		o, known := r.Orders[p.Order]
		switch {
		case p.State == sale.PaymentDue && p.Gone(parts[p.ID]):
			t.Errorf("got payment %+v due, of which %d goes back in parts", p, parts[p.ID])
		case p.Of != "" && p.State == sale.PaymentApplied:
			t.Errorf("got the part %+v applied", p)
		case p.State == sale.PaymentApplied:
			applied[p.Order]++
			if o.State != sale.StatePaid || p.Amount != r.Sale.Amount(o.Quantity) || p.Reason != "" {
				t.Errorf("got payment %+v applied to %+v", p, o)
			}
		case p.Reason == "":
			t.Errorf("got payment %+v without a reason", p)
		case p.State == sale.PaymentDue && p.Reason == sale.ReasonOrphan && known:
			t.Errorf("got payment %+v as an orphan, its order is %+v", p, o)
		}
	}
	for id, o := range r.Orders {
		if o.State.Live() && live[o.Buyer] {
			t.Errorf("got two live orders of %s, one is %s", o.Buyer, id)
		}
		live[o.Buyer] = live[o.Buyer] || o.State.Live()
		if want := min(1, int(r.Sale.Price)); o.State == sale.StatePaid && applied[id] != want {
			t.Errorf("got order %s paid by %d payments, want %d", id, applied[id], want)
		}
		if r.Sale.Price == 0 && (o.State == sale.StateHeld || !o.Free()) {
			t.Errorf("got %+v in a sale that costs nothing, want it paid at once", o)
		}
		if o.State == sale.StateHeld && o.Expires < later.Add(r.Sale.HoldFor) {
			t.Errorf("got %+v, want the whole time to pay", o)
		}
	}
}

// wantSettled checks that the plan, carried out, is final: made again, and made
// again after a crash in which only the ledger had taken the union, it changes
// nothing more.
func wantSettled(t *rapid.T, in reconcile.Input, p reconcile.Plan, d reconcile.Decisions) {
	t.Helper()
	done := func() *reconcile.Side {
		return &reconcile.Side{
			Records: p.Records.Clone(), Selling: true,
			Chain: sale.Chain{Life: p.Life, Mark: sale.Mark{Epoch: p.Epoch, Seq: 100, Link: "reconciled"}},
		}
	}
	again := merged(t, reconcile.Input{Redis: done(), Ledger: done(), Holds: in.Holds, Seen: in.Seen}, reconcile.Decisions{})
	if diff := cmp.Diff(p.Records, again.Records); diff != "" {
		t.Errorf("made again (-want +got):\n%s", diff)
	}
	if len(again.Cases) > 0 || again.Epoch != p.Epoch+1 || again.Redis != (reconcile.Lack{}) || again.Ledger != (reconcile.Lack{}) {
		t.Errorf("made again: got %v, want nothing but epoch %d", again, p.Epoch+1)
	}
	crashed := merged(t, reconcile.Input{Redis: in.Redis, Ledger: done(), Holds: in.Holds}, d)
	if diff := cmp.Diff(p.Records, crashed.Records); diff != "" {
		t.Errorf("after a crash (-want +got):\n%s", diff)
	}
	if left := crashed.DecisionsNeeded(); len(left) > 0 {
		t.Errorf("after a crash: got %+v to be decided, want nothing", left)
	}
}

// whole checks a plan in every respect.
func whole(t *rapid.T, in reconcile.Input) {
	t.Helper()
	wantComplete(t, in, merged(t, in, reconcile.Decisions{}))
	p, d := decide(t, in)
	wantComplete(t, in, p)
	wantSound(t, p.Records)
	wantSettled(t, in, p, d)
	if again := merged(t, in, d); again.String() != p.String() {
		t.Errorf("got\n%s, then\n%s", p, again)
	}
}
