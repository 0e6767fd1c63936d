package remotestock

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// CommitConfig shapes the group commit. How long and how often a claim is sent again is
// [Config].Patience and Pause.
type CommitConfig struct {
	// Batch is how many claims one script call carries at most. Raising it
	// lengthens the time for which one call blocks Redis; lowering it spends
	// more calls and fsyncs a ticket.
	Batch int
	// Calls is how many calls of one sale are in flight at most. Raising it
	// thins the batches out, and each call costs Redis as much as ten claims;
	// one lost reply then holds up fewer claims for a timeout.
	Calls int
	// Queue bounds the claims that wait for a call. A claim past it was never
	// sent: its answer is Busy and its tickets go back.
	Queue int
}

// DefaultCommitConfig is what docs/architecture.md describes.
func DefaultCommitConfig() CommitConfig {
	return CommitConfig{Batch: 128, Calls: 1, Queue: 1 << 16}
}

// Validate reports every fault at once, or nil.
func (c CommitConfig) Validate() error {
	var faults []error
	// 1,000 claims stay below what Lua unpacks in one call.
	if c.Batch < 1 || c.Batch > 1000 {
		faults = append(faults, fmt.Errorf("commit: batch %d: want 1 to 1000", c.Batch))
	}
	for what, n := range map[string]int{"calls": c.Calls, "queue": c.Queue} {
		if n < 1 {
			faults = append(faults, fmt.Errorf("commit: %s %d: want at least 1", what, n))
		}
	}
	return errors.Join(faults...)
}

// Watcher gets the reading of every reply, before the claims in it are answered.
type Watcher interface {
	// Generation is the plan generation that the node knows.
	Generation() sale.Generation
	// Observe takes a reading. It must not block.
	Observe(sale.Reading)
	// Acknowledged takes the decision on a claim that holds, before the buyer's request
	// is answered, and the mark of the reply: of the hold's event, unless the decision is
	// replayed. It must not block.
	Acknowledged(sale.Decision, sale.Mark)
}

// Committer gathers the claims of one sale into calls of deduct.
//
// The simple view: Decide puts a claim into a queue and waits. A flight takes
// what has gathered, sends it as one call, answers everybody in it, and takes
// what has gathered meanwhile. There are no timers: an idle sale's claim goes
// out at once and alone, a busy sale's calls fill by themselves.
//
// The invariants: a claim is in at most one call at a time; every claim is
// answered exactly once, at the latest Patience plus one call after it came;
// a claim that may have run is never answered as if it had not.
type Committer struct {
	store   *Store
	sale    sale.ID
	watcher Watcher
	config  CommitConfig
	short   atomic.Bool // the last call came short of replicas: only claims that are unknown are sent
	garbled atomic.Bool // the last reply was of the wrong shape, so that this is logged once

	mu      sync.Mutex
	queue   []*entry
	flights int
	group   sync.WaitGroup
}

// entry is a claim on its way.
type entry struct {
	claim   sale.Claim
	id      [idLength]byte // the order's, as Redis keeps it
	giveUp  time.Time
	unknown bool  // an earlier call may have run
	cause   error // of its not being decided yet: the last failed call
	answer  chan answer
}

type answer struct {
	decision sale.Decision
	err      error
}

var entries = sync.Pool{New: func() any { return &entry{answer: make(chan answer, 1)} }}

// Committer makes the group commit of one sale.
func (s *Store) Committer(id sale.ID, w Watcher, c CommitConfig) *Committer {
	return &Committer{store: s, sale: id, watcher: w, config: c}
}

// Decide waits until Redis has decided the claim. An error that wraps
// [sale.ErrUnavailable] means that it did not run; [sale.ErrUnknown] that
// nobody knows and that it will not be sent again.
func (c *Committer) Decide(claim sale.Claim) (sale.Decision, error) {
	id, ok := binaryID(claim.Order)
	if !ok {
		return sale.Decision{}, fmt.Errorf("deduct: order id %q is no UUID: %w", claim.Order, sale.ErrUnavailable)
	}
	e := entries.Get().(*entry)
	e.claim, e.id, e.giveUp, e.unknown, e.cause = claim, id, time.Now().Add(c.store.config.Patience), false, errNeverSent

	c.mu.Lock()
	if len(c.queue) >= c.config.Queue {
		c.mu.Unlock()
		entries.Put(e)
		return sale.Decision{Outcome: sale.Busy}, nil
	}
	c.queue = append(c.queue, e)
	if c.flights < c.config.Calls {
		c.flights++
		c.group.Add(1)
		go c.fly()
	}
	c.mu.Unlock()

	a := <-e.answer
	entries.Put(e)
	return a.decision, a.err
}

// Wait returns when every claim has been answered; no new ones may come.
func (c *Committer) Wait() { c.group.Wait() }

// fly sends call after call until no claims wait.
func (c *Committer) fly() {
	defer c.group.Done()
	batch := make([]*entry, 0, c.config.Batch)
	args := make([]any, 0, ownArguments+4+c.config.Batch)
	seen := c.store.seen(c.sale)
	for {
		if batch = c.next(batch[:0]); len(batch) == 0 {
			return
		}
		c.queued(batch)
		args = append(args[:0], c.store.node, int64(c.watcher.Generation()), seen.text())
		args = arguments(args, batch)
		r, err := c.call(seen, batch, args)
		if err == nil {
			err = c.deliver(batch, r)
		}
		if err != nil {
			c.failed(batch, err)
		}
	}
}

// next takes one call's claims from the queue; none means that the flight has
// ended. Claims that have waited past their patience, as they do behind a slow
// Redis, are answered unsent: their buyers have left.
func (c *Committer) next(batch []*entry) []*entry {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	// New claims would be deducted where no replica confirms it, and end unknown too. Where none is unknown any more,
	// one of them finds out whether replicas confirm again.
	short, most, n, held := c.short.Load(), c.config.Batch, 0, 0
	only := short && slices.ContainsFunc(c.queue, func(e *entry) bool { return e.unknown && !now.After(e.giveUp) })
	if short && !only {
		most = 1
	}
	for ; n < len(c.queue) && len(batch) < most; n++ {
		switch e := c.queue[n]; {
		case now.After(e.giveUp):
			e.reject()
		case only && !e.unknown:
			c.queue[held] = e
			held++
		default:
			batch = append(batch, e)
		}
	}
	rest := held + copy(c.queue[held:], c.queue[n:])
	clear(c.queue[rest:])
	c.queue = c.queue[:rest]
	if len(batch) == 0 {
		c.flights--
	}
	return batch
}

// queued reports how long the claims of a call had to wait for it.
func (c *Committer) queued(batch []*entry) {
	if c.store.hooks.Queued == nil {
		return
	}
	now, patience := time.Now(), c.store.config.Patience
	for _, e := range batch {
		c.store.hooks.Queued(now.Sub(e.giveUp.Add(-patience)))
	}
}

// arguments appends what deduct.lua asks for: the earliest deadline, all ids, all
// quantities, and the buyers. Traces and places follow, see call.
func arguments(args []any, batch []*entry) []any {
	deadline := batch[0].claim.Deadline
	ids := make([]byte, 0, idLength*len(batch))
	quantities := make([]byte, 0, quantityLength*len(batch))
	for _, e := range batch {
		deadline = min(deadline, e.claim.Deadline)
		ids = append(ids, e.id[:]...)
		// One that does not fit is above every limit.
		quantities = pack(quantities, int64(max(0, min(e.claim.Quantity, math.MaxUint16))), quantityLength)
	}
	args = append(args, int64(deadline), ids, quantities)
	for _, e := range batch {
		args = append(args, (*string)(&e.claim.Buyer)) // as a string it would be copied
	}
	return args
}

// settles is how far ahead a claim's deadline may be at most, see lua/deduct.lua.
const settles = 10 * time.Second

// errEarly is the error of a claim whose deadline is farther ahead. Nothing was sold.
var errEarly = fmt.Errorf("deduct: want a deadline within %v: %w", settles, sale.ErrUnavailable)

// deliver answers a decided batch. It first reads the whole reply, so that one
// of a wrong shape leaves every claim unanswered.
func (c *Committer) deliver(batch []*entry, r reply) error {
	answers, err := decisions(batch, r)
	if err != nil {
		return err
	}
	if c.garbled.CompareAndSwap(true, false) {
		c.store.log.Info("replies are of the right shape again", zap.String("sale", string(c.sale)))
	}
	c.short.Store(false)
	c.watcher.Observe(r.reading)
	now := time.Now()
	var again []*entry
	for i, e := range batch {
		// The script compared with the batch's earliest deadline. Where this one is
		// later, the claim was not rejected finally: an earlier call may yet run. Nor is it
		// where Redis's clock was set: the reading knows that, and so does the next call.
		late := answers[i].decision.Outcome == sale.Late && e.claim.Deadline >= r.reading.At
		early := errors.Is(answers[i].err, errEarly)
		if (late || early && e.claim.Deadline <= r.reading.At.Add(settles)) && !now.After(e.giveUp) {
			again = append(again, e)
			continue
		}
		if (late || early) && e.unknown {
			e.reject()
			continue
		}
		if errors.Is(answers[i].err, ErrFull) {
			until := now.Add(fullFor)
			c.store.seen(c.sale).full.Store(&until)
			c.store.observer.full()
			// This call held nothing; an earlier one may yet have.
			if e.unknown {
				e.cause = ErrFull
				if now.After(e.giveUp) {
					e.reject()
				} else {
					again = append(again, e)
				}
				continue
			}
		}
		if d := answers[i].decision; d.Outcome == sale.Held || d.Outcome == sale.Replayed && d.Order.ID == e.claim.Order && d.Order.Taken() {
			// The second is a claim whose first reply was lost.
			c.watcher.Acknowledged(d, r.mark)
		}
		if c.store.hooks.Decided != nil && answers[i].err == nil {
			c.store.hooks.Decided(answers[i].decision.Outcome)
		}
		e.answer <- answers[i]
	}
	c.requeue(again)
	return nil
}

// NoWatcher is for callers that keep no local stock.
var NoWatcher Watcher = noWatcher{}

type noWatcher struct{}

func (noWatcher) Generation() sale.Generation           { return 0 }
func (noWatcher) Observe(sale.Reading)                  {}
func (noWatcher) Acknowledged(sale.Decision, sale.Mark) {}
