package checkout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

// Store is what the shop asks of Redis.
type Store interface {
	Sales(ctx context.Context) ([]sale.ID, error)
	Read(ctx context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error)
	Draw(ctx context.Context, id sale.ID, known sale.Generation, quantity, weight, all int) (sale.Grant, error)
	Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (ended int, more bool, r sale.Reading, err error)
	// Unfit is why nothing should be sold from this Redis although it answers, or nil.
	Unfit() error
	// Refuses is why no claim of the sale need be sent now, or nil. The error wraps
	// sale.ErrUnavailable.
	Refuses(id sale.ID) error
}

// Config shapes the shop.
type Config struct {
	// Poll is how often an idle node asks for news. Raising it delays plans,
	// new and closed sales; lowering it costs Redis a read a sale and node.
	Poll time.Duration
	// Patience is how long a claim may take before Redis refuses it as late;
	// the group commit sends it again for as long.
	Patience time.Duration
	// Stale is the age of the last reading past which the node is not ready.
	// Raising it keeps a node without Redis in the upstream; lowering it has a
	// short outage of Redis change every node's readiness twice, which takes a
	// crowd of nodes seconds to tell each other, and gains nothing: there is no
	// node to lead buyers to. Below two polls, one lost reply drops a node.
	Stale time.Duration
	// Expire is how many overdue holds one call ends at most.
	Expire int
	Local  localstock.Config
}

// DefaultConfig is the design's.
func DefaultConfig() Config {
	return Config{
		Poll: 500 * time.Millisecond, Patience: 2 * time.Second, Stale: 3 * time.Second,
		Expire: 100, Local: localstock.DefaultConfig(),
	}
}

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Poll < time.Millisecond || c.Patience < time.Millisecond {
		faults = append(faults, errors.New("checkout: poll and patience must be at least 1ms"))
	}
	if c.Stale < 2*c.Poll {
		faults = append(faults, fmt.Errorf("checkout: stale %v: want at least two polls of %v", c.Stale, c.Poll))
	}
	if c.Expire < 1 || c.Expire > 1000 {
		faults = append(faults, fmt.Errorf("checkout: expire %d: want 1 to 1000", c.Expire))
	}
	return errors.Join(append(faults, c.Local.Validate())...)
}

// Hooks are called as things happen; nil fields are not called.
type Hooks struct {
	// Local makes the hooks of a sale's local stock.
	Local func(sale.ID) localstock.Hooks
	// Ready reports every change of readiness.
	Ready func(bool)
}

// Shop is every sale that this node knows.
type Shop struct {
	store  Store
	remote func(sale.ID, *Desk) Remote
	weight func() (own, all int)
	config Config
	hooks  Hooks
	log    *zap.Logger

	desks  atomic.Pointer[map[sale.ID]*Desk] // replaced, never changed
	polled atomic.Pointer[time.Time]         // the oldest of the last answers about the sales that sell
	ready  atomic.Bool
	first  chan struct{}    // closed by the first good poll
	memory memory           // of the holds that this node acknowledged
	broken map[sale.ID]bool // sales whose last read failed, so that each is logged once; Run owns it

	// answered is when Redis last answered about a listed sale, if only that it is
	// broken. The sales of a Redis Cluster are on several masters, so an answer about
	// one says nothing about another. Run owns it.
	answered map[sale.ID]time.Time
}

// NewShop makes a shop that knows nothing until Run has polled once. remote
// makes the group commit of a sale; weight says this node's weight and that of
// all selling nodes, for draws.
func NewShop(store Store, remote func(sale.ID, *Desk) Remote, weight func() (own, all int), config Config, hooks Hooks, log *zap.Logger) *Shop {
	s := &Shop{store: store, remote: remote, weight: weight, config: config, hooks: hooks, log: log, broken: map[sale.ID]bool{}, answered: map[sale.ID]time.Time{}, first: make(chan struct{})}
	s.desks.Store(&map[sale.ID]*Desk{})
	return s
}

// Desk returns the desk of a sale, or false for one that nobody has opened.
func (s *Shop) Desk(id sale.ID) (*Desk, bool) {
	d, ok := (*s.desks.Load())[id]
	return d, ok
}

// Desks returns every desk by sale. The map must not be changed.
func (s *Shop) Desks() map[sale.ID]*Desk { return *s.desks.Load() }

// Remembered is what this node remembers of the holds of a sale that it acknowledged in the
// last minute, oldest first.
func (s *Shop) Remembered(id sale.ID) []Remembered { return s.memory.of(id, time.Now()) }

// Now is Redis time as any sale's readings tell it, or false where there is
// no sale yet.
func (s *Shop) Now() (now sale.Instant, ok bool) {
	for _, d := range s.Desks() {
		if at, known := d.Now(); known {
			now, ok = max(now, at), true
		}
	}
	return now, ok
}

// Known is closed once every sale is known: a node that serves before would
// tell buyers that there is no such sale.
func (s *Shop) Known() <-chan struct{} { return s.first }

// Run polls until ctx ends, and then waits for draws and claims under way.
func (s *Shop) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.config.Poll)
	defer ticker.Stop()
	for {
		s.follow(s.poll(ctx))
		select {
		case <-ctx.Done():
			for _, d := range s.Desks() {
				d.local.Wait()
				d.remote.Wait()
			}
			return nil
		case <-ticker.C:
		}
	}
}

// poll reads every sale once. Only Redis being away is an error: a sale that
// is broken must not take the others out of the upstream. Before the first good
// poll a sale that can't be reached is one, too: its buyers would get from this
// node that there is no such sale.
func (s *Shop) poll(ctx context.Context) error {
	ids, err := s.store.Sales(ctx)
	if err != nil {
		return err
	}
	ids = s.forget(ids)
	errs := make([]error, len(ids))
	gate := make(chan struct{}, 8)
	var group sync.WaitGroup
	for i, id := range ids {
		group.Go(func() {
			gate <- struct{}{}
			errs[i] = s.read(ctx, id)
			<-gate
		})
	}
	group.Wait()
	now := time.Now()
	maps.DeleteFunc(s.answered, func(id sale.ID, _ time.Time) bool { return !slices.Contains(ids, id) })
	for i, id := range ids {
		s.note(id, errs[i])
		_, listed := s.answered[id]
		away := errors.Is(errs[i], sale.ErrUnreachable)
		if !away || !listed {
			s.answered[id] = now
		}
		if away && s.polled.Load() == nil {
			err = errors.Join(err, errs[i])
		}
	}
	return err
}

// note logs a sale that can't be read, and that it can again, once each.
func (s *Shop) note(id sale.ID, err error) {
	switch {
	case err != nil && !s.broken[id] && !errors.Is(err, context.Canceled):
		s.broken[id] = true
		s.log.Error("can't read a sale", zap.String("sale", string(id)), zap.Error(err))
	case err == nil && s.broken[id]:
		delete(s.broken, id)
		s.log.Info("can read the sale again", zap.String("sale", string(id)))
	}
}

// read polls one sale, and puts it on sale here where it is new. A desk is made
// only for a sale that can be read, so once, however many polls that takes.
func (s *Shop) read(ctx context.Context, id sale.ID) error {
	d, known := s.Desk(id)
	var generation sale.Generation
	if known {
		generation = d.Generation()
	}
	definition, reading, err := s.store.Read(ctx, id, generation)
	if err != nil {
		return err
	}
	if !known {
		d = s.newDesk(id)
	}
	d.definition.Store(&definition)
	d.Observe(reading)
	if !known {
		s.add(d)
		s.log.Info("sale is known here", zap.String("sale", string(id)), zap.Int64("total", definition.Total))
	}
	if definition.Closed {
		d.local.Refuse(sale.Closed)
	}
	if !d.local.Exhausted() {
		return nil
	}
	// Nobody claims on a sold-out sale, so nobody would notice an overdue hold.
	_, _, reading, err = s.store.Expire(ctx, id, d.Generation(), s.config.Expire)
	if err == nil {
		d.Observe(reading)
	}
	return err
}

func (s *Shop) newDesk(id sale.ID) *Desk {
	d := &Desk{id: id, patience: s.config.Patience, memory: &s.memory, refuses: s.store.Refuses}
	var hooks localstock.Hooks
	if s.hooks.Local != nil {
		hooks = s.hooks.Local(id)
	}
	d.local = localstock.New(&supply{s, d}, s.config.Local, hooks)
	d.remote = s.remote(id, d)
	return d
}

// add is called by the polls of several sales at once.
func (s *Shop) add(d *Desk) {
	for {
		old := s.desks.Load()
		desks := maps.Clone(*old)
		desks[d.id] = d
		if s.desks.CompareAndSwap(old, &desks) {
			return
		}
	}
}

// forget drops closed sales that are listed no more: they are archived. A sale
// that vanishes while it sells is lost data, not news: it is kept, so that its
// buyers hear that the store is unavailable, not that there is no such sale.
// It returns the ids to poll.
func (s *Shop) forget(listed []sale.ID) []sale.ID {
	old := s.Desks()
	keep := make(map[sale.ID]*Desk, len(old))
	for id, d := range old {
		switch {
		case slices.Contains(listed, id):
			keep[id] = d
		case d.Sale().Closed:
			s.log.Info("sale is archived", zap.String("sale", string(id)))
		default:
			keep[id] = d
			listed = append(listed, id)
		}
	}
	if len(keep) != len(old) {
		s.desks.Store(&keep)
	}
	return listed
}
