package testbed_test

import (
	"fmt"
	"maps"
	"syscall"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// An operator weighs, drains, restarts and adds nodes while the sale sells.
func TestNodesChangeWhileASaleSells(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 3, Allocators: 1, Balancer: true})
	s.open(t, 100_000, time.Hour)
	at := client.Client{Addr: s.Allocators[0].Admin, Token: s.AdminToken}
	stop := s.keepBuying(t)
	is := func(what string, want map[string]int) {
		t.Helper()
		await.Until(t, what, func() bool { return s.shared(t, at, want) })
	}
	node := func(name string) adminapi.Node {
		t.Helper()
		list, err := at.Nodes(s.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list.Nodes {
			if n.Name == name {
				return n
			}
		}
		return adminapi.Node{}
	}
	did := func(_ adminapi.Node, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	did(at.WeighNode(s.ctx, "n002", 3))
	is("the heavy node has its share", map[string]int{"n001": 1, "n002": 3, "n003": 1})
	did(at.DrainNode(s.ctx, "n003", false))
	drained := map[string]int{"n001": 1, "n002": 3}
	is("the drained node has left upstream and plan", drained)
	await.Until(t, "the drained node is idle", func() bool { return node("n003").Idle })
	if !s.Nodes[2].Running() {
		t.Error("the drained node has ended, want it to run")
	}

	t.Log("the leading allocator is replaced")
	if err := s.Allocators[0].Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Allocators[0].Start(); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "the new allocator sees all nodes", func() bool {
		list, err := at.Nodes(s.ctx)
		return err == nil && len(list.Nodes) == 3
	})
	is("the drained node stays out", drained)

	t.Log("the drained node is started again")
	if err := s.Nodes[2].Stop(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "it is away", func() bool { return node("n003").Away })
	if err := s.Nodes[2].Start(); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "it is back, and drained", func() bool {
		if n := node("n003"); !n.Away {
			if !n.Drained {
				t.Fatalf("got %+v, want it drained from the first moment", n)
			}
			return true
		}
		return false
	})
	is("it stays out", drained)
	if got := s.count(t, "onsale_membership_drained"); got != 1 {
		t.Errorf("got %d nodes drained by their metrics, want 1", got)
	}
	did(at.UndrainNode(s.ctx, "n003"))
	is("it returns", map[string]int{"n001": 1, "n002": 3, "n003": 1})
	if got := s.count(t, "onsale_membership_drained"); got != 0 {
		t.Errorf("got %d nodes drained by their metrics after the return, want none", got)
	}

	begin := time.Now()
	if _, err := s.AddNode(); err != nil {
		t.Fatal(err)
	}
	is("a new node has its share", map[string]int{"n001": 1, "n002": 3, "n003": 1, "n004": 1})
	took := time.Since(begin)
	t.Logf("a new node has its share, and its place in the upstream, %v after its start", took)
	if took > 5*time.Second { // it takes about one
		t.Errorf("a new node waited %v for its share, want less than two seconds", took)
	}

	t.Log("a node is stopped")
	if err := s.Nodes[0].Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	is("it has left", map[string]int{"n002": 3, "n003": 1, "n004": 1})
	<-s.Nodes[0].Done()
	stop()
	s.audit(t)
}

// shared reports whether the upstream has these nodes with these weights, and the plan shares stock by them.
func (s *site) shared(t *testing.T, at client.Client, want map[string]int) bool {
	t.Helper()
	got, err := s.Upstream()
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		return false
	}
	v, err := at.Sale(s.ctx, "demo")
	if err != nil || len(v.Plan) != len(want) {
		return false
	}
	weights, cut := 0, int64(0)
	for _, w := range want {
		weights += w
	}
	for _, share := range v.Plan {
		cut += share.Slice
	}
	for _, share := range v.Plan {
		if fair := cut * int64(want[share.Node]) / int64(weights); share.Slice < fair || share.Slice > fair+1 {
			return false
		}
	}
	return true
}

// keepBuying has a few buyers come until the function that it returns is called. None of them may be refused.
func (s *site) keepBuying(t *testing.T) (stop func()) {
	t.Helper()
	done, ended := make(chan struct{}), make(chan error, 1)
	sold := 0
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond): // between two buyers
			}
			a, err := s.try("POST", "/v1/sales/demo/orders", fmt.Sprintf("buyer-%d", i), `{"quantity":1}`)
			if err != nil || a.status/100 != 2 {
				ended <- fmt.Errorf("buyer %d: got %+v, %w", i, a, err)
				return
			}
			sold++
		}
	}()
	return func() {
		t.Helper()
		close(done)
		if err := <-ended; err != nil || sold == 0 {
			t.Errorf("%d buyers had their tickets, then %v, want no refusal", sold, err)
		}
	}
}
