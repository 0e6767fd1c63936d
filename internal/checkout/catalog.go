package checkout

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/localstock"
	"onsale/internal/pause"
	"onsale/internal/sale"
	"onsale/internal/temperature"
)

// Store is what the catalog asks of Redis.
type Store interface {
	Sales(ctx context.Context) ([]sale.ID, error)
	// Peek returns the sales that operators have changed after a number, and looks at others, in the
	// order of the ids, all in one round trip if they are not many.
	Peek(ctx context.Context, after int64, ids []sale.ID) (sale.Peek, error)
	// ReadAll is Read of many sales in few round trips, in the order of the asks.
	ReadAll(ctx context.Context, asks []sale.Ask) []sale.Answer
	Read(ctx context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error)
	// Heat publishes, for allocators and ledgers, that buyers ask for these sales.
	Heat(ctx context.Context, ids []sale.ID) error
	// Refill ends at most limit overdue holds, and then grants a share of what remains.
	Refill(ctx context.Context, id sale.ID, known sale.Generation, limit, quantity, weight, all int) (sale.Grant, error)
	Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (ended int, more bool, r sale.Reading, err error)
	// Advance moves the front of a sale's line on, at most once in a second however many call it,
	// and returns it. known is the front that the caller knows of: Redis may have lost it.
	Advance(ctx context.Context, id sale.ID, known int64) (front int64, r sale.Reading, err error)
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

// Config shapes the catalog.
type Config struct {
	// Poll is how often a node asks for news, and reads each hot sale. Raising it delays plans,
	// new and closed sales; lowering it costs Redis a read a hot sale and node.
	Poll time.Duration
	// Wait returns after that time, or false once ctx is done. Loops of a process that wait together wake it less often.
	Wait func(ctx context.Context, poll time.Duration) bool
	// Temperature bounds how many sales that is.
	Temperature temperature.Config
	// Patience is how long a claim may take before Redis refuses it as late;
	// the group commit sends it again for as long.
	Patience time.Duration
	// Stale is the age of the last reading past which the node is not ready.
	// Raising it keeps a node without Redis in the upstream; lowering it has a
	// short outage of Redis change every node's readiness twice, which takes a
	// large cluster seconds to gossip, and gains nothing: there is no
	// node to lead buyers to. Below two polls, one lost reply drops a node.
	Stale time.Duration
	// Expire is how many overdue holds one call ends at most.
	Expire int
	Local  localstock.Config
}

// DefaultConfig is what docs/architecture.md describes.
func DefaultConfig() Config {
	const poll = 500 * time.Millisecond
	cold := temperature.DefaultConfig(poll)
	cold.Turn /= 5 // there are many nodes, and a request for a cold sale has it read, whatever its turn
	return Config{
		Poll: poll, Wait: pause.For, Temperature: cold, Patience: 2 * time.Second, Stale: 3 * time.Second,
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
	// Archived reports a sale that is archived, and no longer known here.
	Archived func(sale.ID)
}

// Catalog is every sale that this node knows.
type Catalog struct {
	store  Store
	orders Orders
	remote func(sale.ID, *Seller) Remote
	weight func() (own, all int)
	config Config
	hooks  Hooks
	log    *zap.Logger

	sellers atomic.Pointer[map[sale.ID]*Seller] // replaced, never changed
	unread  atomic.Pointer[map[sale.ID]bool]    // sales that are listed and could not be read yet; the same
	polled  atomic.Pointer[time.Time]           // the oldest of the last answers about the sales that sell
	ready   atomic.Bool
	first   chan struct{}            // closed by the first poll that succeeds
	memory  memory                   // of the holds that this node acknowledged
	renewed renewals                 // sales that were reconciled lately
	wanted  *wanted                  // by buyers since the last poll
	fronts  *failurelog.Log[sale.ID] // lines that could not be moved on
	poller  poller
}

// NewCatalog makes a catalog that knows nothing until Run has polled once. remote
// makes the group commit of a sale; weight returns this node's weight and that of
// all selling nodes, for refills.
func NewCatalog(store Store, orders Orders, remote func(sale.ID, *Seller) Remote, weight func() (own, all int), config Config, hooks Hooks, log *zap.Logger) *Catalog {
	s := &Catalog{store: store, orders: orders, remote: remote, weight: weight, config: config, hooks: hooks, log: log, first: make(chan struct{}), wanted: newWanted(), fronts: failurelog.New(log, saleField)}
	s.poller = newPoller(config.Temperature, log)
	s.sellers.Store(&map[sale.ID]*Seller{})
	s.unread.Store(&map[sale.ID]bool{})
	s.memory.whole = s.whole
	return s
}

// Seller returns the seller of a sale, or false for one that nobody has opened.
func (c *Catalog) Seller(id sale.ID) (*Seller, bool) {
	s, ok := (*c.sellers.Load())[id]
	return s, ok
}

// Sellers returns every seller by sale. The map must not be changed.
func (c *Catalog) Sellers() map[sale.ID]*Seller { return *c.sellers.Load() }

// Remembered is what this node remembers of the holds of a sale that it acknowledged in the
// last minute, oldest first; of a sale that can't be read, in the minute before that.
func (c *Catalog) Remembered(id sale.ID) []Remembered { return c.memory.of(id) }

// whole is when a reply last brought the stock of a sale. One that is archived is done with.
func (c *Catalog) whole(id sale.ID) time.Time {
	s, known := c.Seller(id)
	if !known {
		return time.Now()
	}
	if r := s.newest.Load(); r != nil {
		return r.Sent
	}
	return time.Time{}
}

// Now is Redis time by the readings of any sale, or false where there is
// no sale yet.
func (c *Catalog) Now() (now sale.Instant, ok bool) {
	for _, s := range c.Sellers() {
		if at, known := s.Now(); known {
			now, ok = max(now, at), true
		}
	}
	return now, ok
}

// Known is closed once every sale is known: a node that serves before would
// answer buyers that there is no such sale.
func (c *Catalog) Known() <-chan struct{} { return c.first }

// Run polls until ctx ends, and then waits for refills and claims under way.
func (c *Catalog) Run(ctx context.Context) error {
	for {
		c.follow(c.poll(ctx))
		c.verify(ctx)
		if !c.config.Wait(ctx, c.config.Poll) {
			break
		}
	}
	for _, s := range c.Sellers() {
		s.local.Wait()
		s.remote.Wait()
	}
	return nil
}

func (c *Catalog) newSeller(id sale.ID) *Seller {
	s := &Seller{id: id, orders: c.orders, patience: c.config.Patience, memory: &c.memory, refuses: c.store.Refuses}
	s.warmth.wanted, s.warmth.read = c.wanted, func() error { return c.read(context.Background(), s) }
	s.warmth.cold.Store(true)
	var hooks localstock.Hooks
	if c.hooks.Local != nil {
		hooks = c.hooks.Local(id)
	}
	s.local = localstock.New(&refill{c, s}, c.config.Local, hooks)
	s.remote = c.remote(id, s)
	return s
}
