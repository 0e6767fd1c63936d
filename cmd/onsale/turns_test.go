package main

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"onsale/internal/sale"
)

func TestTurnsAreSmooth(t *testing.T) {
	turns := newTurns()
	nodes := sale.View{{Name: "a", Weight: 5}, {Name: "b", Weight: 1}, {Name: "c", Weight: 1}}
	var picked []string
	for range 14 {
		n, _ := turns.next(nodes, "")
		picked = append(picked, n.Name)
	}
	// The example of Nginx's own algorithm, twice around.
	if got, want := strings.Join(picked, ""), "aabacaaaabacaa"; got != want {
		t.Errorf("got turns %s, want %s", got, want)
	}
}

func TestTurnsFollowTheWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 20), 1, 6).Draw(t, "weights")
		rounds := rapid.IntRange(1, 3).Draw(t, "rounds")
		nodes, all := sale.View{}, 0
		for i, w := range weights {
			nodes, all = append(nodes, sale.Node{Name: fmt.Sprint(i), Weight: w}), all+w
		}
		turns, got := newTurns(), map[string]int{}
		for range rounds * all {
			n, ok := turns.next(nodes, "")
			if !ok {
				t.Fatal("got no node, want one")
			}
			got[n.Name]++
		}
		for _, n := range nodes {
			if want := rounds * n.Weight; got[n.Name] != want {
				t.Errorf("got %d turns of node %s with weights %v, want %d", got[n.Name], n.Name, weights, want)
			}
		}
	})
}

func TestTurnsPassOver(t *testing.T) {
	nodes := sale.View{{Name: "a", Weight: 9}, {Name: "b", Weight: 1}}
	turns := newTurns()
	t.Run("the node that has failed", func(t *testing.T) {
		for range 20 {
			if n, ok := turns.next(nodes, "a"); !ok || n.Name != "b" {
				t.Fatalf("got %q %v, want b", n.Name, ok)
			}
		}
	})
	t.Run("the only node, and then there is none", func(t *testing.T) {
		if n, ok := turns.next(nodes[:1], "a"); ok {
			t.Errorf("got %q, want none", n.Name)
		}
	})
	t.Run("nobody in a view of nobody", func(t *testing.T) {
		if n, ok := turns.next(nil, ""); ok {
			t.Errorf("got %q, want none", n.Name)
		}
	})
}
