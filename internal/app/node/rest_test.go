package node

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/testbed/await"
)

// processors counts as the runtime does.
type processors struct{ now atomic.Int64 }

func (p *processors) set(n int) (before int) { return int(p.now.Swap(int64(n))) }

func TestANodeThatNobodyAsksUsesOneProcessor(t *testing.T) {
	p := &processors{}
	p.now.Store(8)
	r := newRest(p.set)
	want := func(when string, n int64) {
		t.Helper()
		if got := p.now.Load(); got != n {
			t.Errorf("%s: got %d processors, want %d", when, got, n)
		}
	}
	r.wake()
	want("asked", 8)
	r.look()
	want("asked since the last look", 8)
	r.look()
	want("not asked since", 1)
	r.look()
	want("still not", 1)
	r.wake()
	want("asked again", 8)

	r.look()
	r.look()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.run(ctx, time.Hour); err != nil {
		t.Error(err)
	}
	want("at the end", 8)
}

// A request that comes while the node goes to rest must not be served by one processor.
func TestARequestDuringALookFindsAllProcessors(t *testing.T) {
	p := &processors{}
	p.now.Store(8)
	r := newRest(p.set)
	for range 10_000 {
		r.asked.Store(false)
		var both sync.WaitGroup
		both.Go(r.look)
		both.Go(r.wake)
		both.Wait()
		if got := p.now.Load(); got != 8 {
			t.Fatalf("got %d processors, want 8", got)
		}
	}
}

// The runtime's own number is back after a rest.
func TestProcessorsAreTheRuntimesAgain(t *testing.T) {
	t.Setenv("GOMAXPROCS", "")
	runtime.SetDefaultGOMAXPROCS()
	all := runtime.GOMAXPROCS(0)
	if all == 1 {
		t.Log("this machine has one processor: there is nothing to put to rest")
	}
	r := newRest(setProcessors)
	defer r.wake()
	go func() { _ = r.run(t.Context(), time.Millisecond) }()
	await.Until(t, "one processor is used", func() bool { return runtime.GOMAXPROCS(0) == 1 })
	await.Until(t, "all are, for a request", func() bool { r.wake(); return runtime.GOMAXPROCS(0) == all })
}
