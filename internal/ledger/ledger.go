package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Roll is the list of the ledgers that run.
type Roll interface {
	// Enlist says that this ledger runs, and returns how many do. It is to be repeated well
	// within its time to live.
	Enlist(ctx context.Context) (ledgers int, err error)
	// Leave strikes this ledger off.
	Leave(ctx context.Context) error
}

// Ledger reads its share of all sales' streams into a store. Any number of ledgers may run:
// each takes its share of the sales, and what a dead one leaves is taken over by the others.
type Ledger struct {
	stream  Stream
	roll    Roll
	lease   func(sale.ID) Lease
	store   *Store
	cfg     Config
	hooks   Hooks
	log     *zap.Logger
	journal *journal
	watch   watch

	// The rest belongs to the goroutine of Run.

	readings map[sale.ID]*reading
}

// reading is a sale that is being read and the way to stop it.
type reading struct {
	stop     context.CancelFunc
	stopping bool
	done     chan struct{} // closed once its lease is released
}

// New wires a ledger of a valid configuration, or returns the configuration's faults. lease
// makes this ledger's view of a sale's lease. It starts nothing.
func New(stream Stream, roll Roll, lease func(sale.ID) Lease, store *Store, cfg Config, hooks Hooks, log *zap.Logger) (*Ledger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Ledger{stream: stream, roll: roll, lease: lease, store: store, cfg: cfg, hooks: hooks.filled(), log: log}
	l.journal = newJournal(log, l.hooks)
	l.watch.sights = map[sale.ID]sight{}
	l.readings = map[sale.ID]*reading{}
	return l, nil
}

// Run reads until ctx is done. It then finishes the batches under way, releases its leases,
// leaves the roll and returns nil. Failures are reported and outlived, never returned.
func (l *Ledger) Run(ctx context.Context) error {
	var children sync.WaitGroup
	children.Go(func() { l.measure(ctx) })
	children.Go(func() { l.ping(ctx) })
	for {
		l.look(ctx)
		if !pause(ctx, l.cfg.Look) {
			break
		}
	}
	children.Wait()
	for _, r := range l.readings {
		<-r.done // ctx has stopped them
	}
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.cfg.Call)
	defer cancel()
	l.journal.note(OpRoll, "", l.roll.Leave(rest))
	return nil
}

// look lists the sales and brings what this ledger reads to its share of them. Where Redis
// does not answer, everything stays as it is.
func (l *Ledger) look(ctx context.Context) {
	ledgers, err := l.enlist(ctx)
	if l.noteRedis(ctx, OpRoll, "", err); err != nil {
		return
	}
	ids, err := l.sales(ctx)
	if l.noteRedis(ctx, OpSales, "", err); err != nil {
		return
	}
	dropped := l.watch.list(ids)
	for _, id := range dropped {
		l.journal.leave(id)
		l.hooks.Lag(id, 0, 0)
	}
	l.share(ctx, ledgers)
}

func (l *Ledger) enlist(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	return l.roll.Enlist(ctx)
}

func (l *Ledger) sales(ctx context.Context) ([]sale.ID, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	return l.stream.Sales(ctx)
}

// share holds at most its share of the leases: it stops what is too much or gone, and tries
// for more where it has less. Shares are rounded up, so that together they cover all sales.
func (l *Ledger) share(ctx context.Context, ledgers int) {
	sales := l.watch.known()
	ledgers = max(1, ledgers)
	quota := (len(sales) + ledgers - 1) / ledgers
	active := 0
	for id, r := range l.readings {
		select {
		case <-r.done:
			delete(l.readings, id)
			continue
		default:
		}
		if !r.stopping && (active >= quota || !slices.Contains(sales, id)) {
			r.stopping = true
			r.stop()
		}
		if !r.stopping {
			active++
		}
	}
	// Each ledger tries in another order, lest all ask for the same lease first.
	rand.Shuffle(len(sales), func(i, j int) { sales[i], sales[j] = sales[j], sales[i] })
	misses := 0
	for _, id := range sales {
		if active >= quota || misses == maxMisses || ctx.Err() != nil {
			return
		}
		if l.readings[id] != nil {
			continue
		}
		t := &tenure{id: id, lease: l.lease(id), cfg: l.cfg, journal: l.journal}
		held, err := t.take(ctx)
		if l.noteRedis(ctx, OpLease, id, err); err != nil {
			misses++
		}
		if held {
			l.begin(ctx, t)
			active++
		}
	}
}

// begin starts to read a sale whose lease is held.
func (l *Ledger) begin(ctx context.Context, t *tenure) {
	stop, cancel := context.WithCancel(ctx)
	r := &reading{stop: cancel, done: make(chan struct{})}
	l.readings[t.id] = r
	go func() {
		defer close(r.done)
		defer cancel()
		l.read(stop, t)
	}()
}

// read serves one tenure, from a lease got to its end by loss, fence or stop.
func (l *Ledger) read(stop context.Context, t *tenure) {
	name := zap.String("sale", string(t.id))
	l.log.Info("reading", name, zap.Int64("token", int64(t.token)))
	l.hooks.Reading(t.id, true)
	r := &reader{id: t.id, token: t.token, stream: l.stream, store: l.store, cfg: l.cfg, hooks: l.hooks, journal: l.journal}
	token := int64(t.token)
	err := t.during(stop, r.run)
	l.journal.leave(t.id)
	l.hooks.Reading(t.id, false)
	if errors.Is(err, errLost) || errors.Is(err, sale.ErrFenced) {
		l.log.Warn("no longer reading", name, zap.Int64("token", token), zap.NamedError("cause", err))
		return
	}
	l.log.Info("no longer reading", name, zap.Int64("token", token))
}

// Ready reports whether PostgreSQL and Redis have both answered within the last few looks.
func (l *Ledger) Ready() bool { return l.watch.fresh(5*l.cfg.Look + l.cfg.Call) }

// maxMisses is how many calls about single sales may fail in one round. One sale's broken key
// must not hide the others; a Redis that is away must not be waited for a hundred times.
const maxMisses = 3

// noteRedis notes a call that no reader makes.
func (l *Ledger) noteRedis(ctx context.Context, op Op, id sale.ID, err error) {
	if err == nil {
		l.watch.answered(&l.watch.redis)
	}
	if err == nil || ctx.Err() == nil {
		l.journal.note(op, id, err)
	}
}
