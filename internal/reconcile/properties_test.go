package reconcile_test

import (
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

// generated is a sale that was opened, of which one in four costs nothing.
func generated(t *rapid.T) *history {
	price := rapid.SampledFrom([]int64{1000, 1000, 1000, 0}).Draw(t, "price")
	return openedAt(price, rapid.Int64Range(1, 4).Draw(t, "total"))
}

// forks are two histories that went apart, each by one event at least.
func forks(t *rapid.T) (a, b *history) {
	base := generated(t)
	base.run(t, 0, 8)
	a, b = base.copy("r"), base.copy("l")
	// Both begin with an event that can always happen.
	for _, h := range []*history{a, b} {
		h.pay(sale.PaymentID("first-"+h.name), "nobody", 1)
		h.run(t, 0, 8)
	}
	return a, b
}

// some picks a part of the holds.
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
		read := rapid.Int64Range(0, a.seq()).Draw(t, "read")
		redis := a.dropping(read, func(sale.OrderID) bool { return rapid.Bool().Draw(t, "dropped") })
		whole(t, reconcile.Input{
			Redis: redis, Ledger: b.side(), Holds: some(t, slices.Concat(a.holds, b.holds)...),
			Seen: []sale.Mark{a.Chain().Mark, b.Chain().Mark},
		})
	})
}

// The ledger's database went back; Redis had dropped what the ledger once had.
func TestLedgerThatIsBehindTakesRedissState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := generated(t)
		past := h.run(t, 0, 16)
		ledger := rapid.SampledFrom(past).Draw(t, "ledger")
		read := rapid.Int64Range(ledger.seq(), h.seq()).Draw(t, "read")
		in := reconcile.Input{
			Redis:  h.dropping(read, func(sale.OrderID) bool { return rapid.Bool().Draw(t, "dropped") }),
			Ledger: ledger.side(),
		}
		if rapid.Bool().Draw(t, "nodes remember") {
			in.Holds = h.holds
		}
		p := merged(t, in, reconcile.Decisions{})
		if left := p.DecisionsNeeded(); len(left) > 0 || p.Relation == reconcile.Forked {
			t.Fatalf("got relation %s and %+v to be decided, want nothing", p.Relation, left)
		}
		for id, o := range h.Records().Orders {
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
		if diff := cmp.Diff(h.Records().Payments, p.Records.Payments); diff != "" {
			t.Errorf("payments (-want +got):\n%s", diff)
		}
		if got, want := p.Records.Sale, h.Records().Sale; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		whole(t, in)
	})
}

// Redis came back older, and the nodes noticed before anything was sold.
func TestRedisThatIsBehindTakesTheLedgersState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := generated(t)
		past := h.run(t, 0, 16)
		redis := rapid.SampledFrom(past).Draw(t, "redis")
		in := reconcile.Input{Redis: redis.side(), Ledger: h.side(), Holds: some(t, h.holds...)}
		p := merged(t, in, reconcile.Decisions{})
		if left := p.DecisionsNeeded(); len(left) > 0 || p.Relation == reconcile.Forked {
			t.Fatalf("got relation %s and %+v to be decided, want nothing", p.Relation, left)
		}
		want := h.Records()
		want.Sale.Closed = want.Sale.Closed || redis.Records().Sale.Closed
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
		h := generated(t)
		past := h.run(t, 0, 16)
		in := reconcile.Input{Holds: some(t, h.holds...), Seen: []sale.Mark{h.Chain().Mark}}
		ledger, redis := rapid.SampledFrom(past).Draw(t, "ledger"), rapid.SampledFrom(past).Draw(t, "redis")
		if in.Ledger = ledger.side(); rapid.Bool().Draw(t, "redis is there") {
			in.Redis = redis.side()
		} else {
			redis = ledger
		}
		tip := max(ledger.seq(), redis.seq())
		p := merged(t, in, reconcile.Decisions{})
		reported := func(seq int64) bool {
			return slices.ContainsFunc(p.Gaps, func(r reconcile.Range) bool { return r.First <= seq && seq <= r.Last })
		}
		given := map[int64]bool{}
		for _, hold := range in.Holds {
			given[hold.Mark.Seq] = true
		}
		for seq := int64(1); seq <= h.seq(); seq++ {
			if want := seq > tip && !given[seq]; reported(seq) != want {
				t.Errorf("event %d of %d, records have %d: got reported %v, want %v", seq, h.seq(), tip, !want, want)
			}
		}
		born := h.born()
		for _, id := range slices.Sorted(maps.Keys(h.Records().Orders)) {
			o, now := h.Records().Orders[id], p.Records.Orders[id]
			if now.ID == "" && !reported(born[id]) {
				t.Errorf("order %s is missing, and its event %d is not reported", id, born[id])
			}
			if now.ID != "" && o.State.Live() && !now.State.Live() {
				t.Errorf("order %s: got %s, want it live as it was", id, now.State)
			}
		}
		if len(in.Holds) == len(h.holds) {
			for _, c := range p.DecisionsNeeded() {
				if c.Kind == reconcile.KindTwoOrders {
					t.Errorf("got %+v, want the later hold to prove that the earlier order had ended", c)
				}
			}
		}
		whole(t, in)
	})
}
