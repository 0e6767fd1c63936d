package remotestock_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// A batch of traced claims and others: its event has the traces, and is the same in the chain as without.
func TestTheTracesOfClaimsTravelInTheirEvent(t *testing.T) {
	var mu sync.Mutex
	var ended []error
	var calls [][]sale.TracedClaim
	s, _ := hooked(t, server.Addr(), remotestock.Hooks{Traced: func(id sale.ID, claims int, traced []sale.TracedClaim) func(error) {
		mu.Lock()
		defer mu.Unlock()
		if id != "traced" || claims < len(traced) || traced[0].Since.IsZero() {
			t.Errorf("got %s, %d claims and %v", id, claims, traced)
		}
		calls = append(calls, traced)
		return func(err error) {
			mu.Lock()
			defer mu.Unlock()
			ended = append(ended, err)
		}
	}})
	open(t, s, newSale("traced", 10))
	c := committer(t, s, "traced")
	mine := &sale.Trace{ID: [16]byte{1}, Span: [8]byte{2}}
	for _, of := range []struct {
		buyer string
		trace *sale.Trace
	}{{"ann", nil}, {"bob", mine}} {
		claim := claim(of.buyer, 1)
		claim.Trace = of.trace
		if got := <-decide(c, claim); got.err != nil || got.decision.Outcome != sale.Held {
			t.Fatalf("%s: got %v, %v, want a hold", of.buyer, got.decision.Outcome, got.err)
		}
	}
	if len(calls) != 1 || len(calls[0]) != 1 || calls[0][0].Trace != *mine || !slices.Equal(ended, []error{nil}) {
		t.Errorf("got calls %v that ended with %v, want one with bob's trace", calls, ended)
	}
	p, err := s.Page(context.Background(), "traced", "", 10)
	if err != nil || len(p.Events) != 3 {
		t.Fatalf("got %v, %v, want the opening and two holds", p.Events, err)
	}
	for i, want := range [][]sale.Trace{nil, nil, {*mine}} {
		e := p.Events[i]
		if !slices.Equal(e.Traces, want) || e.Fault != "" {
			t.Errorf("event %d: got traces %v and fault %q, want %v", i, e.Traces, e.Fault, want)
		}
		// A ledger that does not know traces computes the same link.
		if i > 0 && e.Mark != p.Events[i-1].Mark.Next(e.Covered) {
			t.Errorf("event %d: the link covers more than the ids of its orders", i)
		}
	}
}
