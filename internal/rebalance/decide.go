package rebalance

import (
	"cmp"
	"slices"

	"onsale/internal/sale"
)

// Reason is why a plan was written. The set is closed: it is a metric label.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	First      Reason = "first"      // the sale had no plan
	Membership Reason = "membership" // the plan is not what the selling nodes and their weights ask for
	Returned   Reason = "returned"   // stock returned, or the total changed
	Low        Reason = "low"        // a node has claimed most of what it may
	Drift      Reason = "drift"      // the plan no longer covers the tolerated failures
)

// decide reports whether the sale needs a new plan for nodes, and why. It is pure
// and keeps no state: the survey holds what the plan was made from. So a new
// leader judges its predecessor's plan as it would its own, and a plan whose
// answer was lost is found in the store.
//
// Nothing is planned while no node sells, for a closed sale, and at
// remaining = 0, where a plan would only promise tickets that aren't there.
func decide(nodes sale.View, s sale.Survey, cfg Config) (Reason, bool) {
	switch {
	case len(nodes) == 0, s.Reading.Remaining <= 0, s.Sale.WindowAt(s.Reading.At) == sale.PhaseClosed:
		return "", false
	case s.Reading.Plan == 0:
		return First, true
	case !fits(s.Shares, nodes):
		return Membership, true
	case s.Reading.Stock != s.Planned:
		return Returned, true
	case low(s, len(nodes), cfg.LowMark):
		return Low, true
	case !covers(s, Tolerance(len(nodes), cfg.Tolerate)):
		return Drift, true
	}
	return "", false
}

// fits reports whether planning for nodes again would give every one its
// present slice. The slices add up to the stock that they were cut from, so
// they can be cut again; with fewer tickets than nodes they add up to the
// nodes, which cuts to 1 each as before. A change of weight too small to move
// a ticket so moves no plan either.
func fits(shares []sale.Share, nodes sale.View) bool {
	var cut int64
	present := make(map[string]int64, len(shares))
	for _, s := range shares {
		cut += s.Slice
		present[s.Node] = s.Slice
	}
	again := Plan(nodes, cut, 0)
	return len(again) == len(present) && !slices.ContainsFunc(again, func(s sale.Share) bool {
		return s.Slice != present[s.Node] // a slice is at least 1, so an unknown node differs too
	})
}

// low reports whether some node has claimed mark of its slice and buffer.
//
// Plans for that reason stay few. Each follows at least mark · R / N claims of
// an average node, so under even load every one finds R down by the factor
// 1 − mark: log₂(R / N) plans at mark = ½. Under the worst load, all of it on
// one node, they are at most N / mark · ln(R / N) and one a look. Below R = N
// there are none: a plan would hand out single tickets, as a refill does without it.
func low(s sale.Survey, nodes int, mark float64) bool {
	if s.Reading.Remaining < int64(nodes) {
		return false
	}
	return slices.ContainsFunc(s.Shares, func(share sale.Share) bool {
		return float64(share.Claimed) >= mark*float64(share.Slice+share.Buffer)
	})
}

// covers reports whether what the nodes may still claim reaches remaining
// after the k best supplied of them vanish. A plan keeps this true from its
// first claim to its last, since a claim lowers both sides alike; so a no
// means that the store changed without a new generation.
func covers(s sale.Survey, k int) bool {
	left := make([]int64, len(s.Shares))
	for i, share := range s.Shares {
		left[i] = max(0, share.Slice+share.Buffer-share.Claimed)
	}
	slices.SortFunc(left, func(a, b int64) int { return cmp.Compare(b, a) })
	var sum int64
	for _, tickets := range left[min(k, len(left)):] {
		sum += tickets
	}
	return sum >= s.Reading.Remaining
}
