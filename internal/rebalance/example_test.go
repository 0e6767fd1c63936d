package rebalance_test

import (
	"fmt"

	"onsale/internal/rebalance"
	"onsale/internal/sale"
)

// Four nodes, one of them twice as strong, share a hundred tickets so that any
// one of them can vanish: without n4, the largest, the others' slices and
// buffers are 3 · (20 + 14) = 102.
func ExamplePlan() {
	nodes := sale.View{{Name: "n1", Weight: 1}, {Name: "n2", Weight: 1}, {Name: "n3", Weight: 1}, {Name: "n4", Weight: 2}}
	for _, s := range rebalance.Plan(nodes, 100, rebalance.Tolerance(len(nodes), -1)) {
		fmt.Println(s.Node, s.Slice, "+", s.Buffer)
	}
	// Output:
	// n1 20 + 14
	// n2 20 + 14
	// n3 20 + 14
	// n4 40 + 27
}
