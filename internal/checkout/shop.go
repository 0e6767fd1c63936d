package checkout

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/localstock"
	"onsale/internal/sale"
	"onsale/internal/temperature"
)

// Store is what the shop asks of Redis.
type Store interface {
	Sales(ctx context.Context) ([]sale.ID, error)
	// News returns the sales that operators have changed after a number, and the next number.
	// lost: the number is not known any more, so anything may have changed.
	News(ctx context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error)
	// Glances looks at many sales in few round trips, in the order of the ids.
	Glances(ctx context.Context, ids []sale.ID) ([]sale.Glance, []error)
	// ReadAll is Read of many sales in few round trips, in the order of the asks.
	ReadAll(ctx context.Context, asks []sale.Ask) []sale.Answer
	Read(ctx context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error)
	// Heat tells allocators and ledgers that buyers ask for these sales.
	Heat(ctx context.Context, ids []sale.ID) error
	Draw(ctx context.Context, id sale.ID, known sale.Generation, quantity, weight, all int) (sale.Grant, error)
	Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (ended int, more bool, r sale.Reading, err error)
	// Unfit is why nothing should be sold from this Redis although it answers, or nil.
	Unfit() error
	// Missing are those of the orders that Redis does not have.
	Missing(ctx context.Context, id sale.ID, orders []sale.OrderID) ([]sale.OrderID, error)
	// Shut has a sale reconciled. Nothing of it sells until then.
	Shut(ctx context.Context, id sale.ID, why string) error
	// Refuses is why no claim of the sale need be sent now, or nil. The error wraps
	// sale.ErrUnavailable.
	Refuses(id sale.ID) error
}

// Config shapes the shop.
type Config struct {
	// Poll is how often a node asks for news, and reads each hot sale. Raising it delays plans,
	// new and closed sales; lowering it costs Redis a read a hot sale and node.
	Poll time.Duration
	// Temperature bounds how many sales that is.
	Temperature temperature.Config
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
	const poll = 500 * time.Millisecond
	cold := temperature.DefaultConfig(poll)
	cold.Turn /= 5 // there are many nodes, and a request for a cold sale has it read, whatever its turn
	return Config{
		Poll: poll, Temperature: cold, Patience: 2 * time.Second, Stale: 3 * time.Second,
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

	desks   atomic.Pointer[map[sale.ID]*Desk] // replaced, never changed
	polled  atomic.Pointer[time.Time]         // the oldest of the last answers about the sales that sell
	ready   atomic.Bool
	first   chan struct{} // closed by the first good poll
	memory  memory        // of the holds that this node acknowledged
	renewed renewals      // sales that were reconciled lately
	began   time.Time
	poller  poller
}

// NewShop makes a shop that knows nothing until Run has polled once. remote
// makes the group commit of a sale; weight says this node's weight and that of
// all selling nodes, for draws.
func NewShop(store Store, remote func(sale.ID, *Desk) Remote, weight func() (own, all int), config Config, hooks Hooks, log *zap.Logger) *Shop {
	s := &Shop{store: store, remote: remote, weight: weight, config: config, hooks: hooks, log: log, first: make(chan struct{}), began: time.Now()}
	s.poller = newPoller(config.Temperature, log)
	s.desks.Store(&map[sale.ID]*Desk{})
	s.memory.whole = s.whole
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
// last minute, oldest first; of a sale that can't be read, in the minute before that.
func (s *Shop) Remembered(id sale.ID) []Remembered { return s.memory.of(id) }

// whole is when a reply last brought the stock of a sale. One that is archived is done with.
func (s *Shop) whole(id sale.ID) time.Time {
	d, known := s.Desk(id)
	if !known {
		return time.Now()
	}
	if r := d.newest.Load(); r != nil {
		return r.Sent
	}
	return time.Time{}
}

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
		s.verify(ctx)
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

func (s *Shop) newDesk(id sale.ID) *Desk {
	d := &Desk{id: id, patience: s.config.Patience, memory: &s.memory, refuses: s.store.Refuses}
	d.warmth.began, d.warmth.read = s.began, func() error { return s.read(context.Background(), d) }
	d.warmth.cold.Store(true)
	var hooks localstock.Hooks
	if s.hooks.Local != nil {
		hooks = s.hooks.Local(id)
	}
	d.local = localstock.New(&supply{s, d}, s.config.Local, hooks)
	d.remote = s.remote(id, d)
	return d
}
