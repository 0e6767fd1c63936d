package main

import (
	"slices"
	"sync"

	"onsale/internal/sale"
)

// turns picks nodes by smooth weighted round robin, as Nginx does: at every
// pick each node earns its weight, and the one that is picked pays what all of
// them earned. A node of weight 5 among two of weight 1 so gets five of seven
// buyers, and never all five in a row.
//
// What a node has earned stays with its name when it leaves the view, and
// counts when it comes back: at most one round of turns, too little to tidy up.
type turns struct {
	mu     sync.Mutex
	earned map[string]int
}

func newTurns() *turns { return &turns{earned: map[string]int{}} }

// next is the node whose turn it is, passing over those named; ok is false
// where that leaves none.
func (t *turns) next(nodes sale.View, passed ...string) (picked sale.Node, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := 0
	for _, n := range nodes {
		if slices.Contains(passed, n.Name) {
			continue
		}
		t.earned[n.Name] += n.Weight
		all += n.Weight
		if !ok || t.earned[n.Name] > t.earned[picked.Name] {
			picked, ok = n, true
		}
	}
	if ok {
		t.earned[picked.Name] -= all
	}
	return picked, ok
}
