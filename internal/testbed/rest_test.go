package testbed_test

import (
	"net/http"
	"testing"
	"time"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// A third of what an idle node cost were threads that looked for work on other processors.
func TestAnIdleNodeUsesOneProcessorUntilABuyerAsks(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1})
	s.open(t, 10, time.Minute)
	const processors = "go_sched_gomaxprocs_threads"
	node := s.Nodes[0]
	if got := s.buy(t, "ann"); got.status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", got)
	}
	all := gauge(node, processors)
	if all < 2 {
		t.Log("this machine has one processor: there is nothing to put to rest")
	}
	await.Within(t, 30*time.Second, "one processor is used", func() bool { return gauge(node, processors) == 1 })
	if got := s.buy(t, "bob"); got.status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", got)
	}
	if got := gauge(node, processors); got != all {
		t.Errorf("once a buyer has asked: got %v processors, want %v", got, all)
	}
}
