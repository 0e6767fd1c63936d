package rebalance

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/internal/sale"
)

func weighted(weights ...int) sale.View {
	view := make(sale.View, len(weights))
	for i, w := range weights {
		view[i] = sale.Node{Name: fmt.Sprintf("n%03d", i), Weight: w, Ready: true}
	}
	return view
}

func TestPlan(t *testing.T) {
	type row struct{ slice, buffer int64 }
	tests := map[string]struct {
		weights   []int
		remaining int64
		tolerate  int
		want      []row
	}{
		"equal nodes share equally and cover one":         {[]int{1, 1, 1, 1}, 100, 1, []row{{25, 9}, {25, 9}, {25, 9}, {25, 9}}},
		"slices follow weight":                            {[]int{1, 1, 2}, 100, 0, []row{{25, 0}, {25, 0}, {50, 0}}},
		"either of two can sell everything":               {[]int{1, 1}, 10, 1, []row{{5, 5}, {5, 5}}},
		"the largest remainder gets the spare ticket":     {[]int{3, 3, 5}, 10, 0, []row{{3, 0}, {3, 0}, {4, 0}}},
		"among equal remainders the first name wins":      {[]int{1, 1, 1}, 10, 0, []row{{4, 0}, {3, 0}, {3, 0}}},
		"the lightest node has one ticket":                {[]int{1, 1000, 1000}, 11, 0, []row{{1, 0}, {5, 0}, {5, 0}}},
		"fewer tickets than nodes are one each":           {[]int{5, 1, 1}, 2, 1, []row{{1, 1}, {1, 1}, {1, 1}}},
		"nothing remaining is one each without a buffer":  {[]int{1, 1, 1}, 0, 1, []row{{1, 0}, {1, 0}, {1, 0}}},
		"one node has everything":                         {[]int{7}, 42, 3, []row{{42, 0}}},
		"more failures than nodes leave one":              {[]int{1, 1, 1}, 9, 9, []row{{3, 6}, {3, 6}, {3, 6}}},
		"a weight below one counts as one":                {[]int{0, -3}, 4, 0, []row{{2, 0}, {2, 0}}},
		"the largest sale and weights keep their product": {[]int{1e6, 1e6, 2e6}, 1e9, 2, []row{{25e7, 75e7}, {25e7, 75e7}, {5e8, 5e8}}},
		"a quotient of more than 64 bits is capped":       {[]int{1, 1 << 40}, math.MaxInt64, 1, []row{{1 << 23, math.MaxInt64 - 1<<23}, {math.MaxInt64 - 1<<23, 1 << 23}}},
		"numbers beyond any sale do not overflow":         {[]int{math.MaxInt32, math.MaxInt32}, math.MaxInt64, 1, []row{{1 << 62, 1<<62 - 1}, {1<<62 - 1, 1 << 62}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var want []sale.Share
			for i, r := range tt.want {
				want = append(want, sale.Share{Node: fmt.Sprintf("n%03d", i), Slice: r.slice, Buffer: r.buffer})
			}
			if diff := gocmp.Diff(want, Plan(weighted(tt.weights...), tt.remaining, tt.tolerate)); diff != "" {
				t.Errorf("Plan(%v, %d, %d) (-want +got):\n%s", tt.weights, tt.remaining, tt.tolerate, diff)
			}
		})
	}
	t.Run("no nodes are no shares", func(t *testing.T) {
		if got := Plan(nil, 10, 1); len(got) != 0 {
			t.Errorf("got %v, want none", got)
		}
	})
	t.Run("the order of the view does not matter and is kept", func(t *testing.T) {
		view := weighted(3, 1, 2)
		turned := slices.Clone(view)
		slices.Reverse(turned)
		if diff := gocmp.Diff(Plan(view, 100, 1), Plan(turned, 100, 1)); diff != "" {
			t.Errorf("plans differ (-sorted +turned):\n%s", diff)
		}
		if turned[0].Name != "n002" {
			t.Errorf("got the caller's view sorted, want it untouched")
		}
	})
}

func TestTolerance(t *testing.T) {
	tests := []struct{ nodes, configured, want int }{
		{0, -1, 0}, {1, -1, 0}, {2, -1, 1}, {20, -1, 1}, {21, -1, 2}, {100, -1, 5}, {101, -1, 6},
		{10, 0, 0}, {10, 3, 3}, {3, 9, 2}, {0, 4, 0},
	}
	for _, tt := range tests {
		if got := Tolerance(tt.nodes, tt.configured); got != tt.want {
			t.Errorf("Tolerance(%d, %d): got %d, want %d", tt.nodes, tt.configured, got, tt.want)
		}
	}
}

// drawPlan generates a plan: every size of cluster, stock on both sides of the
// number of nodes, and weights from all alike to a million apart.
func drawPlan(t *rapid.T) (view sale.View, remaining int64, tolerate int) {
	heaviest := rapid.SampledFrom([]int{1, 3, 100, 1_000_000}).Draw(t, "heaviest")
	weights := rapid.SliceOfN(rapid.IntRange(1, heaviest), 1, 200).Draw(t, "weights")
	most := rapid.SampledFrom([]int64{1, 10, 250, 10_000, sale.MaxTotal}).Draw(t, "most")
	remaining = rapid.Int64Range(0, most).Draw(t, "remaining")
	return weighted(weights...), remaining, rapid.IntRange(0, len(weights)-1).Draw(t, "tolerate")
}

func TestPlanKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		view, remaining, k := drawPlan(t)
		shares := Plan(view, remaining, k)
		if len(shares) != len(view) {
			t.Fatalf("got %d shares, want %d", len(shares), len(view))
		}
		var sum int64
		for i, s := range shares {
			sum += s.Slice
			if s.Node != view[i].Name || s.Slice < 1 || s.Buffer < 0 || s.Buffer > max(0, remaining-s.Slice) {
				t.Fatalf("share %d of %d tickets: got %+v, want node %s, slice ≥ 1 and buffer within 0 to remaining − slice", i, remaining, s, view[i].Name)
			}
		}
		if want := max(remaining, int64(len(view))); sum != want {
			t.Fatalf("slices sum to %d, want %d", sum, want)
		}

		worst := slices.Clone(shares)
		slices.SortFunc(worst, func(a, b sale.Share) int { return cmp.Compare(b.Slice+b.Buffer, a.Slice+a.Buffer) })
		if got := held(worst[k:]); got < remaining {
			t.Fatalf("without the %d largest the rest hold %d, want at least %d", k, got, remaining)
		}
		some := rapid.Permutation(shares).Draw(t, "vanishing")
		if got := held(some[k:]); got < remaining {
			t.Fatalf("without %v the rest hold %d, want at least %d", some[:k], got, remaining)
		}
	})
}

func held(shares []sale.Share) int64 {
	var sum int64
	for _, s := range shares {
		sum += s.Slice + s.Buffer
	}
	return sum
}

// Checked against an apportionment that follows the definition in fractions:
// nodes whose quota is below one ticket have one and leave, until none do; the
// others are then within one ticket of their quota.
func TestSlicesAreWithinOneOfTheirQuota(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		view, remaining, _ := drawPlan(t)
		quotas := naiveQuotas(view, remaining)
		one := big.NewRat(1, 1)
		for i, s := range Plan(view, remaining, 0) {
			off := new(big.Rat).Sub(new(big.Rat).SetInt64(s.Slice), quotas[i])
			if off.Abs(off).Cmp(one) >= 0 {
				t.Fatalf("slice of %s, weight %d: got %d, want within 1 of %s", s.Node, view[i].Weight, s.Slice, quotas[i].FloatString(3))
			}
		}
	})
}

func naiveQuotas(view sale.View, remaining int64) []*big.Rat {
	quotas := make([]*big.Rat, len(view))
	one := big.NewRat(1, 1)
	for {
		left, weight := remaining, int64(0)
		for i, n := range view {
			if quotas[i] == nil {
				weight += int64(n.Weight)
			} else {
				left--
			}
		}
		left = max(0, left)
		var light []int
		for i, n := range view {
			if quotas[i] == nil && new(big.Rat).SetFrac64(left*int64(n.Weight), weight).Cmp(one) < 0 {
				light = append(light, i)
			}
		}
		for _, i := range light {
			quotas[i] = one
		}
		if len(light) > 0 && slices.Contains(quotas, nil) {
			continue
		}
		for i, n := range view {
			if quotas[i] == nil {
				quotas[i] = new(big.Rat).SetFrac64(left*int64(n.Weight), weight)
			}
		}
		return quotas
	}
}

// A second plan for the same stock and nodes is the same plan, so the loop can
// derive from the slices alone what they were cut for.
func TestPlanFitsTheNodesItWasMadeFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		view, remaining, k := drawPlan(t)
		shares := Plan(view, remaining, k)
		if !fits(rapid.Permutation(shares).Draw(t, "order"), view) {
			t.Fatalf("the plan for %d does not fit its own nodes", remaining)
		}
		gone := rapid.IntRange(0, len(view)-1).Draw(t, "gone")
		if fits(shares, slices.Delete(slices.Clone(view), gone, gone+1)) {
			t.Fatalf("the plan fits without %s, want it not to", view[gone].Name)
		}
		if joined := append(slices.Clone(view), sale.Node{Name: "z", Weight: 1}); fits(shares, joined) {
			t.Fatal("the plan fits with one node more, want it not to")
		}
		renamed := slices.Clone(view)
		renamed[gone].Name = "z"
		if fits(shares, renamed) {
			t.Fatalf("the plan fits with %s in the place of another, want it not to", "z")
		}
	})
}
