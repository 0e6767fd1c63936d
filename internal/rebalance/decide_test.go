package rebalance

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"go.uber.org/zap"
	"pgregory.net/rapid"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
)

// sellOut sells total tickets over nodes, a ticket at a time to the node that
// next names, looks after each, and returns how many plans were for low nodes.
func sellOut(t *testing.T, nodes int, total int64, next func(sold int64) int) int {
	t.Helper()
	weights := slices.Repeat([]int{1}, nodes)
	view := weighted(weights...)
	s := newStore(map[sale.ID]int64{"demo": total})
	lows := 0
	loop := New(membershiptest.New(view...), s, noHolder, DefaultConfig(), Hooks{Planned: func(_ sale.ID, _ sale.Generation, reason Reason, _ int) {
		if reason == Low {
			lows++
		}
	}}, zap.NewNop())
	d := newPlanner("demo", loop, 1, func() { t.Error("got fenced") })
	b := s.books["demo"]
	d.look(t.Context())
	for sold := int64(0); sold < total; sold++ {
		if b.sell(view[next(sold)].Name, 1) != 1 {
			t.Fatalf("got sold out after %d, want %d sold", sold, total)
		}
		d.look(t.Context())
	}
	return lows
}

func TestPlansForLowNodesAreFew(t *testing.T) {
	const nodes, total = 20, 4000
	t.Run("even load takes a logarithm of them", func(t *testing.T) {
		got := sellOut(t, nodes, total, func(sold int64) int { return int(sold % nodes) })
		if want := int(math.Ceil(math.Log2(total / nodes))); got < 2 || got > want {
			t.Errorf("got %d plans, want 2 to %d", got, want)
		}
	})
	t.Run("all load on one node takes nodes / mark times a logarithm", func(t *testing.T) {
		got := sellOut(t, nodes, total, func(int64) int { return 0 })
		if want := int(2 * nodes * math.Log(total/nodes)); got < 2 || got > want {
			t.Errorf("got %d plans, want 2 to %d", got, want)
		}
	})
}

// Whatever happens to a sale and its nodes, one look leaves a plan that covers
// the tolerated failures, and a second look finds nothing to do.
func TestOneLookSettlesASale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStore(map[sale.ID]int64{"demo": rapid.Int64Range(0, 2000).Draw(t, "total")})
		m := membershiptest.New()
		plans := 0
		cfg := DefaultConfig()
		cfg.Tolerate = rapid.IntRange(-1, 4).Draw(t, "tolerate")
		loop := New(m, s, noHolder, cfg, Hooks{Planned: func(sale.ID, sale.Generation, Reason, int) { plans++ }}, zap.NewNop())
		d := newPlanner("demo", loop, 1, func() { t.Error("got fenced") })
		b := s.books["demo"]
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			disturb(t, m, b)
			d.look(context.Background())
			before := plans
			d.look(context.Background())
			if plans != before {
				t.Fatalf("got a plan from a second look, want none")
			}
			checkCover(t, b, Tolerance(len(m.View()), cfg.Tolerate), len(m.View()))
		}
	})
}

// disturb changes the nodes or the stock in one way that plans answer.
func disturb(t *rapid.T, m *membershiptest.Members, b *book) {
	name := fmt.Sprintf("n%d", rapid.IntRange(0, 7).Draw(t, "node"))
	amount := rapid.Int64Range(1, 500).Draw(t, "amount")
	switch rapid.SampledFrom([]string{"join", "join", "fail", "sell", "sell", "return", "restock"}).Draw(t, "what") {
	case "join":
		m.Fail(name)
		m.Set(append(slices.Clone(m.View()), sale.Node{Name: name, Weight: int(amount), Ready: true})...)
	case "fail":
		m.Fail(name)
	case "sell":
		if n := min(amount, b.Counters().Remaining); n > 0 { // to one buyer: it is not about holds
			id := sale.OrderID(fmt.Sprint("o", b.Chain().Seq))
			b.decide(name, sale.Claim{Order: id, Buyer: sale.Buyer(id), Quantity: int(n)})
			b.holds = append(b.holds, id)
		}
	case "return":
		b.giveBack(int64(rapid.IntRange(0, len(b.holds)).Draw(t, "holds")))
	case "restock":
		b.restock(amount)
	}
}

func checkCover(t *rapid.T, b *book, k, nodes int) {
	remaining := b.Counters().Remaining
	if remaining == 0 || nodes == 0 {
		return
	}
	left := make([]int64, 0, len(b.shares))
	for _, s := range b.shares {
		left = append(left, max(0, s.Slice+s.Buffer-s.Claimed))
	}
	if len(left) != nodes {
		t.Fatalf("got a plan for %d nodes, want %d", len(left), nodes)
	}
	slices.SortFunc(left, func(a, b int64) int { return cmp.Compare(b, a) })
	var sum int64
	for _, l := range left[k:] {
		sum += l
	}
	if sum < remaining {
		t.Fatalf("without the %d best supplied nodes the rest may claim %d, want at least %d", k, sum, remaining)
	}
}
