package reconcile_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

const later = noon + 100_000

func merged(t rapid.TB, in reconcile.Input, d reconcile.Decisions) reconcile.Plan {
	t.Helper()
	in.Now = later
	p, err := reconcile.Make(in, d)
	if err != nil {
		t.Fatalf("make: %v", err)
	}
	return p
}

// drawn is a sale that was opened, of which one in four costs nothing.
func drawn(t *rapid.T) *history {
	h := opened(rapid.Int64Range(1, 4).Draw(t, "total"))
	if rapid.IntRange(0, 3).Draw(t, "free") == 0 {
		h.records.Sale.Price = 0
	}
	return h
}

// forks are two histories that went apart, each by one event at least.
func forks(t *rapid.T) (a, b *history) {
	base := drawn(t)
	base.run(t, 0, 8)
	a, b = base.copy("r"), base.copy("l")
	// Both begin with an event that can always happen.
	for _, h := range []*history{a, b} {
		h.pay(sale.PaymentID("first-"+h.name), "nobody", 1)
		h.run(t, 0, 8)
	}
	return a, b
}

// some draws a part of the holds.
func some(t *rapid.T, holds ...reconcile.Hold) (chosen []reconcile.Hold) {
	for _, h := range holds {
		if rapid.Bool().Draw(t, "kept") {
			chosen = append(chosen, h)
		}
	}
	return chosen
}

// decisions decide everything.
func decisions(t *rapid.T) reconcile.Decisions {
	return reconcile.Decisions{
		TwoOrders: rapid.SampledFrom([]reconcile.TwoOrders{reconcile.KeepFirst, reconcile.KeepLater}).Draw(t, "two orders"),
		Oversold:  reconcile.RaiseTotal,
		Restocks:  map[string]int64{},
		Lives:     reconcile.MergeLives,
	}
}

// decide makes the plan with every case decided, as an operator would who reads
// the options.
func decide(t *rapid.T, in reconcile.Input) (reconcile.Plan, reconcile.Decisions) {
	d := decisions(t)
	refund := rapid.Bool().Draw(t, "refund")
	for range 9 {
		p := merged(t, in, d)
		if len(p.Undecided()) == 0 {
			return p, d
		}
		for _, c := range p.Undecided() {
			switch {
			case c.Kind == reconcile.KindRestock:
				key, delta := "", int64(0)
				if _, err := fmt.Sscanf(rapid.SampledFrom(c.Options).Draw(t, "restock"), "%2s=%d", &key, &delta); err != nil {
					t.Fatal(err)
				}
				d.Restocks[key] = delta
			default:
				t.Fatalf("got %+v undecided, want the decisions %+v to cover it", c, d)
			}
		}
		if refund {
			d.Oversold = reconcile.RefundLater
			if p := merged(t, in, d); slices.ContainsFunc(p.Undecided(), func(c reconcile.Case) bool { return c.Kind == reconcile.KindOversold }) {
				d.Oversold = reconcile.RaiseTotal
			}
		}
	}
	t.Fatal("still undecided")
	return reconcile.Plan{}, d
}

// wantComplete checks that nothing of the input is missing, and that no live
// order ended without a word.
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
			if pay.State == sale.PaymentSettled && p.Records.Payments[id].State != sale.PaymentSettled {
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

// wantSound checks what holds once nothing is undecided: no ticket sold twice,
// no buyer with two orders, and every payment where it belongs.
func wantSound(t *rapid.T, r sale.Records) {
	t.Helper()
	if c := r.Counters(); !c.Conserved() || c.Total != r.Sale.Total {
		t.Errorf("got counters %+v and a total of %d, want them balanced", c, r.Sale.Total)
	}
	live, applied := map[sale.Buyer]bool{}, map[sale.OrderID]int{}
	for _, p := range r.Payments {
		o, known := r.Orders[p.Order]
		switch {
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
	if left := crashed.Undecided(); len(left) > 0 {
		t.Errorf("after a crash: got %+v undecided", left)
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

func TestForksMergeTheSameWhicheverIsInRedis(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := forks(t)
		one := merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{})
		two := merged(t, reconcile.Input{Redis: b.side(), Ledger: a.side()}, reconcile.Decisions{})
		if diff := cmp.Diff(one.Records, two.Records); diff != "" {
			t.Errorf("swapped (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(one.Cases, two.Cases); diff != "" {
			t.Errorf("cases swapped (-want +got):\n%s", diff)
		}
	})
}

func TestForksLoseNothingAndSellNothingTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := forks(t)
		read := rapid.Int64Range(0, a.chain.Seq).Draw(t, "read")
		redis := a.dropping(read, func(sale.OrderID) bool { return rapid.Bool().Draw(t, "dropped") })
		whole(t, reconcile.Input{
			Redis: redis, Ledger: b.side(), Holds: some(t, slices.Concat(a.holds, b.holds)...),
			Seen: []sale.Mark{a.chain.Mark, b.chain.Mark},
		})
	})
}

// The ledger's database went back; Redis had dropped what the ledger once had.
func TestLedgerThatIsBehindTakesRedissState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawn(t)
		past := h.run(t, 0, 16)
		ledger := rapid.SampledFrom(past).Draw(t, "ledger")
		read := rapid.Int64Range(ledger.chain.Seq, h.chain.Seq).Draw(t, "read")
		in := reconcile.Input{
			Redis:  h.dropping(read, func(sale.OrderID) bool { return rapid.Bool().Draw(t, "dropped") }),
			Ledger: ledger.side(),
		}
		if rapid.Bool().Draw(t, "nodes remember") {
			in.Holds = h.holds
		}
		p := merged(t, in, reconcile.Decisions{})
		if left := p.Undecided(); len(left) > 0 || p.Relation == reconcile.Forked {
			t.Fatalf("got relation %s and %+v undecided, want nothing to be decided", p.Relation, left)
		}
		for id, o := range h.records.Orders {
			now, known := p.Records.Orders[id]
			_, inRedis := in.Redis.Records.Orders[id]
			_, inLedger := in.Ledger.Records.Orders[id]
			switch {
			case !known && (inRedis || inLedger || in.Holds != nil):
				t.Errorf("order %s is missing", id)
			case known && now.State.Live() != o.State.Live(), inRedis && now.State != o.State:
				t.Errorf("order %s: got %s, want %s", id, now.State, o.State)
			}
		}
		if diff := cmp.Diff(h.records.Payments, p.Records.Payments); diff != "" {
			t.Errorf("payments (-want +got):\n%s", diff)
		}
		if got, want := p.Records.Sale, h.records.Sale; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		whole(t, in)
	})
}

// Redis came back older, and the nodes noticed before anything was sold.
func TestRedisThatIsBehindTakesTheLedgersState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawn(t)
		past := h.run(t, 0, 16)
		redis := rapid.SampledFrom(past).Draw(t, "redis")
		in := reconcile.Input{Redis: redis.side(), Ledger: h.side(), Holds: some(t, h.holds...)}
		p := merged(t, in, reconcile.Decisions{})
		if left := p.Undecided(); len(left) > 0 || p.Relation == reconcile.Forked {
			t.Fatalf("got relation %s and %+v undecided, want nothing to be decided", p.Relation, left)
		}
		want := h.records.Clone()
		want.Sale.Closed = want.Sale.Closed || redis.records.Sale.Closed
		for id, o := range want.Orders {
			if o.State == sale.StateHeld {
				o.Expires = later.Add(want.Sale.HoldFor)
				want.Orders[id] = o
			}
		}
		if diff := cmp.Diff(want, p.Records); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
		whole(t, in)
	})
}

// Both records have lost the end, and nodes remember some of it.
func TestLostEventsComeFromNodesOrAreReportedByNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := drawn(t)
		past := h.run(t, 0, 16)
		in := reconcile.Input{Holds: some(t, h.holds...), Seen: []sale.Mark{h.chain.Mark}}
		ledger, redis := rapid.SampledFrom(past).Draw(t, "ledger"), rapid.SampledFrom(past).Draw(t, "redis")
		if in.Ledger = ledger.side(); rapid.Bool().Draw(t, "redis is there") {
			in.Redis = redis.side()
		} else {
			redis = ledger
		}
		tip := max(ledger.chain.Seq, redis.chain.Seq)
		p := merged(t, in, reconcile.Decisions{})
		reported := func(seq int64) bool {
			return slices.ContainsFunc(p.Gaps, func(r reconcile.Range) bool { return r.First <= seq && seq <= r.Last })
		}
		given := map[int64]bool{}
		for _, hold := range in.Holds {
			given[hold.Mark.Seq] = true
		}
		for seq := int64(1); seq <= h.chain.Seq; seq++ {
			if want := seq > tip && !given[seq]; reported(seq) != want {
				t.Errorf("event %d of %d, records have %d: got reported %v, want %v", seq, h.chain.Seq, tip, !want, want)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(h.records.Orders)) {
			o, now := h.records.Orders[id], p.Records.Orders[id]
			if now.ID == "" && !reported(h.born[id]) {
				t.Errorf("order %s is missing, and its event %d is not reported", id, h.born[id])
			}
			if now.ID != "" && o.State.Live() && !now.State.Live() {
				t.Errorf("order %s: got %s, want it live as it was", id, now.State)
			}
		}
		if len(in.Holds) == len(h.holds) {
			for _, c := range p.Undecided() {
				if c.Kind == reconcile.KindTwoOrders {
					t.Errorf("got %+v, want the later hold to prove that the earlier order had ended", c)
				}
			}
		}
		whole(t, in)
	})
}
