package rebalance

import (
	"cmp"
	"math/bits"
	"slices"

	"onsale/internal/sale"
)

// Tolerance is how many of nodes a plan lets vanish at once: the configured
// number or, if that is negative, five percent rounded up and at least one.
// It is never more than nodes − 1, because somebody has to be left to sell.
func Tolerance(nodes, configured int) int {
	if configured < 0 {
		configured = max(1, (nodes+19)/20)
	}
	return max(0, min(configured, nodes-1))
}

// Plan shares remaining tickets out among nodes so that any tolerate of them
// can vanish and the others' slices and buffers still reach remaining.
//
// The nodes are those that sell, with distinct names; a weight below 1 counts
// as 1, and a tolerate outside 0 to N − 1 as the nearer of the two. The result
// has one share per node, sorted by name, and depends on nothing but the
// arguments. With R remaining and N nodes:
//
//   - Slices sum to max(R, N). From R ≥ N on they are the largest-remainder
//     (Hamilton) apportionment of R by weight, with at least 1 for each, so
//     that no node starts dry; below that each node has 1.
//   - A buffer is β · slice rounded up, with β = S / (R − S) and S the
//     tolerate largest slices together: survivors hold at least R − S in
//     slices, and (R − S) · (1 + β) = R. It stops at R − slice, which already
//     lets the node sell everything alone, and is exactly that where R ≤ S.
//
// The products are 128 bits wide: no count or weight overflows on the way.
func Plan(nodes sale.View, remaining int64, tolerate int) []sale.Share {
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b sale.Node) int { return cmp.Compare(a.Name, b.Name) })
	remaining = max(0, remaining)

	shares := make([]sale.Share, len(nodes))
	for i, slice := range apportion(nodes, uint64(remaining)) {
		shares[i] = sale.Share{Node: nodes[i].Name, Slice: int64(slice)}
	}
	lost := largest(shares, Tolerance(len(nodes), max(0, tolerate)))
	for i := range shares {
		shares[i].Buffer = buffer(shares[i].Slice, lost, remaining)
	}
	return shares
}

// apportion divides r by weight, at least 1 for each node. Nodes too light for
// a whole ticket get theirs first and drop out of the division, the lightest
// first: each one that drops out only lowers the others' quota, so one pass
// over rising weights finds them all. With fewer tickets than nodes that is
// everybody.
func apportion(nodes sale.View, r uint64) []uint64 {
	weights := make([]uint64, len(nodes))
	order := make([]int, len(nodes))
	var total uint64
	for i, n := range nodes {
		weights[i], order[i] = uint64(max(1, n.Weight)), i
		total += weights[i]
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(weights[i], weights[j]) })

	parts := make([]uint64, len(nodes))
	for len(order) > 0 {
		i := order[0]
		if whole, _ := quota(r, weights[i], total); whole > 0 {
			break
		}
		parts[i], order = 1, order[1:]
		total -= weights[i]
		r -= min(r, 1)
	}
	divide(parts, weights, order, r, total)
	return parts
}

// divide gives the nodes in order their whole quotas of r, and the tickets
// left over one each to the largest remainders; among equals the first name
// wins, so that two allocators with one view write one plan.
func divide(parts, weights []uint64, order []int, r, total uint64) {
	remainders := make([]uint64, len(parts))
	spare := r
	for _, i := range order {
		parts[i], remainders[i] = quota(r, weights[i], total)
		spare -= parts[i]
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(remainders[j], remainders[i]), cmp.Compare(i, j))
	})
	for _, i := range order[:min(spare, uint64(len(order)))] {
		parts[i]++
	}
}

// quota is r · weight / total and its remainder; weight is at most total, so
// the quotient is at most r.
func quota(r, weight, total uint64) (whole, remainder uint64) {
	high, low := bits.Mul64(r, weight)
	return bits.Div64(high, low, total)
}

// largest sums the k largest slices: the most that k vanished nodes can take along.
func largest(shares []sale.Share, k int) int64 {
	sizes := make([]int64, len(shares))
	for i, s := range shares {
		sizes[i] = s.Slice
	}
	slices.SortFunc(sizes, func(a, b int64) int { return cmp.Compare(b, a) })
	var sum int64
	for _, size := range sizes[:k] {
		sum += size
	}
	return sum
}

// buffer is slice · lost / (r − lost) rounded up, and at most r − slice.
func buffer(slice, lost, r int64) int64 {
	top := max(0, r-slice)
	if r <= lost {
		return top
	}
	divisor := uint64(r - lost)
	high, low := bits.Mul64(uint64(slice), uint64(lost))
	if high >= divisor {
		return top // the quotient needs more than 64 bits
	}
	whole, remainder := bits.Div64(high, low, divisor)
	if whole >= uint64(top) {
		return top
	}
	if remainder > 0 {
		whole++
	}
	return int64(whole)
}
