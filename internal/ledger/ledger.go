package ledger

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// Registry knows the ledgers that run.
type Registry interface {
	// Register records that this ledger runs, and returns how many do. It must be repeated
	// well within its time to live.
	Register(ctx context.Context) (ledgers int, err error)
	// Leave removes this ledger.
	Leave(ctx context.Context) error
}

// Holder holds the lease that picks one reader of a sale.
type Holder interface {
	// Try asks for the lease once. If it is held, Hold must follow.
	Try(ctx context.Context) (held bool, err error)
	// Hold runs do while it renews the lease, and releases it afterwards. Both contexts that
	// do gets are done when the lease is lost, and sale.ErrLeaseLost is then the error. Where
	// ctx is done first, work outlives stop for the time that one transaction may take.
	Hold(ctx context.Context, do func(stop, work context.Context, token sale.Generation) error) error
}

// Leases makes this ledger's holder of a sale's lease. report receives the result of every
// renewal and of the release, nil included.
type Leases func(id sale.ID, report func(error)) Holder

// Ledger reads its share of all sales' streams into a store. Any number of ledgers may run:
// each takes its share of the sales, and what a dead one leaves is taken over by the others.
type Ledger struct {
	stream   Stream
	registry Registry
	leases   Leases
	store    Store
	cfg      Config
	hooks    Hooks
	log      *zap.Logger
	failures *failures
	stalled  *failurelog.Log[sale.ID] // sales of which nothing is recorded
	watch    watch
	turns    *turns

	// Reconcile puts a sale together again that has lost data; nil leaves that to an
	// operator. It is called under the sale's lease, whose token it gets.
	Reconcile func(work context.Context, id sale.ID, token sale.Generation) error

	// The rest belongs to the goroutine of Run.

	readings map[sale.ID]*active
	scout    scout
	ledgers  int       // how many run, itself included
	shared   time.Time // when the sales were last shared
}

// active is a sale that is being read and the way to stop it.
type active struct {
	stop     context.CancelFunc
	stopping bool
	done     chan struct{} // closed once its lease is released
	busy     atomic.Int64  // when there was last something to do, in Unix milliseconds
}

// idle reports whether there was nothing to do for so long.
func (a *active) idle(since time.Duration) bool {
	return time.Since(time.UnixMilli(a.busy.Load())) > since
}

// New wires a ledger of a valid configuration, or returns the configuration's faults. It
// starts nothing.
func New(stream Stream, registry Registry, leases Leases, store Store, cfg Config, hooks Hooks, log *zap.Logger) (*Ledger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Ledger{stream: stream, registry: registry, leases: leases, store: store, cfg: cfg, hooks: hooks, log: log}
	l.failures = newFailures(log, l.hooks)
	l.stalled = failurelog.New(log, func(id sale.ID, _ *failurelog.Kind) []zap.Field { return []zap.Field{zap.String("sale", string(id))} })
	l.watch.statuses = map[sale.ID]saleStatus{}
	l.readings, l.turns = map[sale.ID]*active{}, &turns{settle: cfg.Settle, free: reconciledAtOnce}
	l.scout = newScout(l)
	return l, nil
}

// Run reads until ctx is done. It then finishes the batches under way, releases its leases,
// leaves the registry and returns nil. Failures are reported and outlived, never returned.
func (l *Ledger) Run(ctx context.Context) error {
	var children sync.WaitGroup
	children.Go(func() { l.measure(ctx) })
	children.Go(func() { l.ping(ctx) })
	for {
		l.look(ctx)
		if !pause.For(ctx, min(l.cfg.Listen, l.cfg.Look)) {
			break
		}
	}
	children.Wait()
	for _, r := range l.readings {
		<-r.done // ctx has stopped them
	}
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.cfg.Call)
	defer cancel()
	l.failures.note(OpRegistry, "", l.registry.Leave(rest))
	return nil
}

// look finds out which sales want a reader and brings what this ledger reads to its share of
// them. Where Redis does not answer, everything stays as it is.
func (l *Ledger) look(ctx context.Context) {
	due := time.Since(l.shared) >= l.cfg.Look
	if due {
		ledgers, err := l.register(ctx)
		if l.noteRedis(ctx, OpRegistry, "", err); err != nil {
			return
		}
		l.ledgers = ledgers
	}
	wanted, more, err := l.scout.look(ctx)
	if l.noteRedis(ctx, OpSales, "", err); err != nil {
		return
	}
	if due || more {
		l.shared = time.Now()
		l.share(ctx, wanted)
	}
}

func (l *Ledger) register(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	return l.registry.Register(ctx)
}

func (l *Ledger) sales(ctx context.Context) ([]sale.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	return l.stream.Sales(ctx)
}

func together(a, b []sale.ID) []sale.ID {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// share holds at most its share of the leases: it stops what is too much, gone, or cold and
// read to the end, and tries for more where it has less. Shares are rounded up, so that together
// they cover all sales that want a reader.
func (l *Ledger) share(ctx context.Context, wanted map[sale.ID]bool) {
	active := 0
	for id, r := range l.readings {
		select {
		case <-r.done:
			delete(l.readings, id)
		default:
			if !wanted[id] && !r.idle(l.cfg.Temperature.Stay) && l.scout.schedule.Knows(id) {
				wanted[id] = true
			}
		}
	}
	ledgers := max(1, l.ledgers)
	quota := (len(wanted) + ledgers - 1) / ledgers
	for id, r := range l.readings {
		if !r.stopping && (active >= quota || !wanted[id]) {
			r.stopping = true
			r.stop()
		}
		if !r.stopping {
			active++
		}
	}
	// Each ledger tries in another order, lest all ask for the same lease first.
	sales := slices.Collect(maps.Keys(wanted))
	rand.Shuffle(len(sales), func(i, j int) { sales[i], sales[j] = sales[j], sales[i] })
	misses := 0
	for _, id := range sales {
		if active >= quota || misses == maxMisses || ctx.Err() != nil {
			return
		}
		if l.readings[id] != nil {
			continue
		}
		if l.yielded(ctx, id) {
			continue
		}
		holder := l.leases(id, func(err error) { l.failures.note(OpLease, id, err) })
		held, err := holder.Try(ctx)
		if l.noteRedis(ctx, OpLease, id, err); err != nil {
			misses++
		}
		if held {
			l.begin(ctx, id, holder)
			active++
		}
	}
}

// yielded reports whether an operator wants the sale's lease.
func (l *Ledger) yielded(ctx context.Context, id sale.ID) bool {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	yes, err := l.stream.Yielded(ctx, id)
	l.noteRedis(ctx, OpLease, id, err)
	return yes
}

// begin starts to read a sale whose lease is held.
func (l *Ledger) begin(ctx context.Context, id sale.ID, holder Holder) {
	stop, cancel := context.WithCancel(ctx)
	r := &active{stop: cancel, done: make(chan struct{})}
	r.busy.Store(time.Now().UnixMilli())
	l.readings[id] = r
	go func() {
		defer close(r.done)
		defer cancel()
		l.read(stop, id, holder, r)
	}()
}

// read reads the sale for as long as the lease is held: to its loss, a fence or stop.
func (l *Ledger) read(stop context.Context, id sale.ID, holder Holder, a *active) {
	log := l.log.With(zap.String("sale", string(id)))
	err := holder.Hold(stop, func(stop, work context.Context, token sale.Generation) error {
		log = log.With(zap.Int64("token", int64(token)))
		log.Debug("reading") // sales get hot and cold, so that this comes and goes
		if l.hooks.Reading != nil {
			l.hooks.Reading(id, true)
		}
		r := &reader{id: id, token: token, stream: l.stream, store: l.store, cfg: l.cfg, hooks: l.hooks, failures: l.failures, turns: l.turns, reconcile: l.Reconcile,
			worked: func() { a.busy.Store(time.Now().UnixMilli()) }}
		return r.run(stop, work)
	})
	l.failures.leave(id)
	if l.hooks.Lost != nil {
		l.hooks.Lost(id, false)
	}
	if l.hooks.Reading != nil {
		l.hooks.Reading(id, false)
	}
	if errors.Is(err, sale.ErrLeaseLost) || errors.Is(err, sale.ErrFenced) {
		log.Warn("no longer reading", zap.NamedError("cause", err))
		return
	}
	log.Debug("no longer reading")
}

// Ready reports whether PostgreSQL and Redis have both answered within the last few looks, and no sale is stalled.
func (l *Ledger) Ready() bool {
	return l.watch.fresh(5*l.cfg.Look+l.cfg.Call) && !l.watch.stalled(l.cfg.Stall)
}

// maxMisses is how many calls about single sales may fail in one round. One sale's broken key
// must not hide the others; a Redis that is away must not be waited for a hundred times.
const maxMisses = 3

// noteRedis notes a call that no reader makes.
func (l *Ledger) noteRedis(ctx context.Context, op Op, id sale.ID, err error) {
	if err == nil {
		l.watch.answered(&l.watch.redis)
	}
	if err == nil || ctx.Err() == nil {
		l.failures.note(op, id, err)
	}
}
