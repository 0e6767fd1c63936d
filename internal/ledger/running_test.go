package ledger

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/sale"
)

// quick is a configuration in which everything happens soon.
func quick() Config {
	c := DefaultConfig()
	c.Look, c.PollMin, c.PollMax = 20*time.Millisecond, time.Millisecond, 4*time.Millisecond
	c.RetryMin, c.RetryMax, c.LeaseTime = 2*time.Millisecond, 20*time.Millisecond, 2*time.Second
	c.Settle = 5 * time.Millisecond
	return c
}

// quiet is a report of failures that writes nowhere.
func quiet() *failures { return newFailures(zap.NewNop(), Hooks{}) }

// running is a ledger that runs, what it reported to its hooks, and what it logged.
type running struct {
	*Ledger
	logged *observer.ObservedLogs
	cancel context.CancelFunc
	ended  chan error

	mu          sync.Mutex
	lag         map[sale.ID]time.Duration
	entries     map[sale.ID]int64
	reading     map[sale.ID]bool
	lost        map[sale.ID][]bool // all that was reported
	forgotten   []sale.ID
	committed   int
	quarantined int
	failed      map[Op]int
}

// run starts a ledger that reconciles by itself; the test's end stops it.
func (m member) run(t testing.TB, store *database, cfg Config, change ...func(*Ledger)) *running {
	t.Helper()
	core, logged := observer.New(zapcore.InfoLevel)
	l := &running{
		logged: logged, ended: make(chan error, 1),
		lag: map[sale.ID]time.Duration{}, entries: map[sale.ID]int64{}, reading: map[sale.ID]bool{}, lost: map[sale.ID][]bool{}, failed: map[Op]int{},
	}
	hooks := Hooks{
		Lag:        func(id sale.ID, n int64, age time.Duration) { l.with(func() { l.lag[id], l.entries[id] = age, n }) },
		Reading:    func(id sale.ID, is bool) { l.with(func() { l.reading[id] = is }) },
		Committed:  func(_ sale.ID, _, orders int, _ time.Duration) { l.with(func() { l.committed += orders }) },
		Lost:       func(id sale.ID, lost bool) { l.with(func() { l.lost[id] = append(l.lost[id], lost) }) },
		Dropped:    func(id sale.ID) { l.with(func() { l.forgotten = append(l.forgotten, id) }) },
		Failed:     func(op Op, _ error) { l.with(func() { l.failed[op]++ }) },
		Unreadable: func(_ sale.ID, n int) { l.with(func() { l.quarantined += n }) },
	}
	var err error
	if l.Ledger, err = New(m, m, m.holds(cfg), store, cfg, hooks, zap.New(core)); err != nil {
		t.Fatal(err)
	}
	l.Reconcile = func(work context.Context, id sale.ID, token sale.Generation) error {
		_, err := (&Reconciler{Stock: m, Store: store, Cfg: cfg}).Run(work, id, Reconciliation{Token: token})
		return err
	}
	for _, c := range change {
		c(l.Ledger)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go func() { l.ended <- l.Run(ctx) }()
	t.Cleanup(func() { l.stop(t) })
	return l
}

func (l *running) stop(t testing.TB) {
	t.Helper()
	l.cancel()
	if err := <-l.ended; err != nil {
		t.Errorf("run: got %v, want nil", err)
	}
	l.ended <- nil // stopped twice is stopped
}

func (l *running) with(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
}

// count is how often a message was logged.
func (l *running) count(message string) int { return l.logged.FilterMessage(message).Len() }
