package testbed_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/flood"
)

// Forged members got the buyers, and idle connections kept the allocator from planning anew.
func TestBuyersAreServedThroughForgedMembersAndIdleConnections(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1})
	s.open(t, 1000, time.Minute)
	var gossip []string
	for _, m := range slices.Concat(s.Nodes, s.Allocators) {
		gossip = append(gossip, m.Gossip)
	}
	if err := flood.ForgeMembers("127.0.0.66", 1500, gossip...); err != nil {
		t.Fatal(err)
	}
	idle, err := flood.Idle(2000, s.Allocators[0].Admin, s.Nodes[0].Admin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := idle.Close(); err != nil {
			t.Error(err)
		}
	})
	buy := func(from, to int) (took []time.Duration) {
		for i := from; i < to; i++ {
			began := time.Now()
			if a := s.buy(t, fmt.Sprint("buyer-", i)); a.status != http.StatusCreated {
				t.Errorf("buyer %d: got %d %s, want a ticket", i, a.status, a.code)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took
	}
	took := buy(0, 300)
	t.Logf("300 purchases beside 1,500 forged members and 2,000 idle admin connections: p50 %v, p99 %v", took[150], took[297])

	plan := func() int64 {
		v, err := s.store.Survey(s.ctx, "demo")
		if err != nil {
			t.Fatal(err)
		}
		return int64(len(v.Shares))
	}
	if got := plan(); got != 3 {
		t.Errorf("got a plan for %d nodes, want 3", got)
	}
	if err := s.Nodes[2].Kill(); err != nil {
		t.Fatal(err)
	}
	known := await.Within(t, 15*time.Second, "a plan for the two that are left", func() bool { return plan() == 2 })
	t.Logf("a node that was killed was out of the plan after %v", known)
	took = buy(300, 400)
	t.Logf("100 purchases after that: p50 %v, p99 %v", took[50], took[98])
	s.audit(t)
}
