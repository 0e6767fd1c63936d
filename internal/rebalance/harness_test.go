package rebalance

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/lease"
	"onsale/internal/sale"
)

var errDown = errors.New("the store is down")

// allocator is a loop under test and what its hooks and log recorded.
type allocator struct {
	loop  *Loop
	lease *acquirer
	logs  *observer.ObservedLogs
	stop  func() // cancels Run and waits for its return

	mu      sync.Mutex
	plans   []plan
	leading []bool
	expired []int
	failed  map[Op]int
	dropped []sale.ID
}

type plan struct {
	id     sale.ID
	reason Reason
	at     time.Time
}

// newAllocator makes a loop with a view of its own of the lease.
func newAllocator(m Members, s Stock, r *record, cfg Config) *allocator {
	core, logs := observer.New(zapcore.InfoLevel)
	a := &allocator{lease: &acquirer{record: r}, logs: logs, failed: make(map[Op]int)}
	note := func(take func()) {
		a.mu.Lock()
		defer a.mu.Unlock()
		take()
	}
	holder := func(report func(error)) Holder {
		return lease.NewHolder(a.lease, lease.Config{TTL: cfg.LeaseTime, Renew: cfg.LeaseRenew, Call: cfg.Call}, report)
	}
	a.loop = New(m, s, holder, cfg, Hooks{
		Planned: func(id sale.ID, _ sale.Generation, reason Reason, _ int) {
			note(func() { a.plans = append(a.plans, plan{id, reason, time.Now()}) })
		},
		Leading: func(on bool) { note(func() { a.leading = append(a.leading, on) }) },
		Expired: func(_ sale.ID, holds int) { note(func() { a.expired = append(a.expired, holds) }) },
		Dropped: func(id sale.ID) { note(func() { a.dropped = append(a.dropped, id) }) },
		Failed:  func(op Op, _ error) { note(func() { a.failed[op]++ }) },
	}, zap.New(core))
	return a
}

// noHolder is for tests of planners, which need no lease.
func noHolder(func(error)) Holder { return nil }

// start runs the loop until stop or the end of the test.
func (a *allocator) start(t *testing.T) *allocator {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.loop.Run(ctx) }()
	a.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: got error %v, want nil", err)
		}
	})
	return a
}

// planned returns the reasons of the plans for id since from, in order.
func (a *allocator) planned(id sale.ID, from time.Time) []Reason {
	a.mu.Lock()
	defer a.mu.Unlock()
	reasons := []Reason{}
	for _, p := range a.plans {
		if p.id == id && !p.at.Before(from) {
			reasons = append(reasons, p.reason)
		}
	}
	return reasons
}

// after returns how long after from the first plan for id came.
func (a *allocator) after(t *testing.T, id sale.ID, from time.Time) time.Duration {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.IndexFunc(a.plans, func(p plan) bool { return p.id == id && !p.at.Before(from) })
	if i < 0 {
		t.Fatalf("got no plan for %s, want one", id)
	}
	return a.plans[i].at.Sub(from)
}

func (a *allocator) led() []bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.leading)
}

func (a *allocator) failures(op Op) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.failed[op]
}

// logged counts the lines with message.
func (a *allocator) logged(message string) int { return a.logs.FilterMessage(message).Len() }

// newRecord is a free lease of the default length.
func newRecord() *record { return &record{ttl: DefaultConfig().LeaseTime} }

func selling(names ...string) []sale.Node {
	var nodes []sale.Node
	for _, name := range names {
		nodes = append(nodes, sale.Node{Name: name, Weight: 1, Ready: true})
	}
	return nodes
}

// pass lets fake time go by, and everything that is due in it happen.
func pass(d time.Duration) {
	time.Sleep(d) // inside a synctest bubble: no real time
	synctest.Wait()
}
