package remotestock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// CommitConfig shapes the group commit.
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
	// Patience is how long a claim is sent again while its outcome is unknown.
	// It must end before Nginx's proxy_read_timeout, less one call.
	Patience time.Duration
	// Pause is the wait before unknown claims are sent again. Raising it loses
	// tries; lowering it hammers a Redis that is coming back.
	Pause time.Duration
}

// DefaultCommitConfig is the design's.
func DefaultCommitConfig() CommitConfig {
	return CommitConfig{Batch: 128, Calls: 1, Queue: 1 << 16, Patience: 2 * time.Second, Pause: 25 * time.Millisecond}
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
	for what, d := range map[string]time.Duration{"patience": c.Patience, "pause": c.Pause} {
		if d < time.Millisecond {
			faults = append(faults, fmt.Errorf("commit: %s %v: want at least 1ms", what, d))
		}
	}
	return errors.Join(faults...)
}

// Watcher is told what every reply says, before the claims in it are answered.
type Watcher interface {
	// Generation is the plan generation that the node knows.
	Generation() sale.Generation
	// Observe takes a reading. It must not block.
	Observe(sale.Reading)
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
	keys    []string
	sale    sale.ID
	watcher Watcher
	config  CommitConfig
	garbled atomic.Bool // the last reply was of the wrong shape, so that this is logged once

	mu      sync.Mutex
	queue   []*entry
	flights int
	group   sync.WaitGroup
}

// entry is a claim on its way.
type entry struct {
	claim   sale.Claim
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
	return &Committer{store: s, keys: keysOf(id).all[:6], sale: id, watcher: w, config: c}
}

// Decide waits until Redis has decided the claim. An error that wraps
// [sale.ErrUnavailable] says that it did not run; [sale.ErrUnknown] that
// nobody knows and that it will not be sent again.
func (c *Committer) Decide(claim sale.Claim) (sale.Decision, error) {
	e := entries.Get().(*entry)
	e.claim, e.giveUp, e.unknown, e.cause = claim, time.Now().Add(c.config.Patience), false, errNeverSent

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
	args := make([]any, 0, 2+4*c.config.Batch)
	for {
		if batch = c.next(batch[:0]); len(batch) == 0 {
			return
		}
		args = c.arguments(args[:0], batch)
		r, err := c.store.call(context.Background(), deductScript, len(batch), c.keys, args)
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
	n := 0
	for ; n < len(c.queue) && len(batch) < c.config.Batch; n++ {
		if e := c.queue[n]; now.After(e.giveUp) {
			e.refuse()
		} else {
			batch = append(batch, e)
		}
	}
	rest := copy(c.queue, c.queue[n:])
	clear(c.queue[rest:])
	c.queue = c.queue[:rest]
	if len(batch) == 0 {
		c.flights--
	}
	return batch
}

// arguments appends what deduct.lua asks for.
func (c *Committer) arguments(args []any, batch []*entry) []any {
	args = append(args, c.store.node, int64(c.watcher.Generation()))
	for _, e := range batch {
		args = append(args, string(e.claim.Order), string(e.claim.Buyer), e.claim.Quantity, int64(e.claim.Deadline))
	}
	return args
}

// deliver answers a decided batch. It first reads the whole reply, so that one
// of a wrong shape leaves every claim unanswered.
func (c *Committer) deliver(batch []*entry, r reply) error {
	if len(r.rest) != 2*len(batch) {
		return fmt.Errorf("%w: %d results for %d claims", ErrReply, len(r.rest)/2, len(batch))
	}
	answers := make([]answer, len(batch))
	for i, e := range batch {
		d, err := decision(e.claim, r, i)
		if errors.Is(err, ErrReply) {
			return err
		}
		answers[i] = answer{d, err}
	}
	if c.garbled.CompareAndSwap(true, false) {
		c.store.log.Info("replies are of the right shape again", zap.String("sale", string(c.sale)))
	}
	c.watcher.Observe(r.reading)
	for i, e := range batch {
		if c.store.hooks.Decided != nil && answers[i].err == nil {
			c.store.hooks.Decided(answers[i].decision.Outcome)
		}
		e.answer <- answers[i]
	}
	return nil
}

// failed sorts a batch whose call failed. A timeout does not hand a ticket
// back: Redis may have run the script before the reply was lost. Such claims
// go to the front of the queue and are sent again under the same order id, and
// the script repeats its first answer. A claim that is unknown already stays
// so, even where this call proved that it did not run: an open breaker does
// not turn unknown into refused.
func (c *Committer) failed(batch []*entry, err error) {
	unknown := ran(err)
	if errors.Is(err, ErrReply) && c.garbled.CompareAndSwap(false, true) {
		c.store.log.Error("reply of the wrong shape", zap.String("sale", string(c.sale)), zap.Error(err))
	}
	now := time.Now()
	again := batch[:0]
	for _, e := range batch {
		e.unknown, e.cause = e.unknown || unknown, err
		if e.unknown && !now.After(e.giveUp) {
			again = append(again, e)
		} else {
			e.refuse()
		}
	}
	if tripped(err) {
		c.refuseUnsent(err)
	}
	if len(again) == 0 {
		return
	}
	if c.store.hooks.Resent != nil {
		c.store.hooks.Resent(len(again))
	}
	time.Sleep(c.config.Pause)
	c.mu.Lock()
	c.queue = append(append(make([]*entry, 0, len(again)+len(c.queue)), again...), c.queue...)
	c.mu.Unlock()
}

// refuseUnsent answers those in the queue who were never sent: the breaker
// refuses them too, and behind unknown claims that are sent again and again
// they would hear so only when those give up.
func (c *Committer) refuseUnsent(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = slices.DeleteFunc(c.queue, func(e *entry) bool {
		if e.unknown {
			return false
		}
		e.cause = err
		e.refuse()
		return true
	})
}

// refuse answers a claim that is not sent any more. Where no call of it may have
// run, the cause is one that proves so.
func (e *entry) refuse() {
	err := classify("deduct", e.cause)
	if e.unknown {
		err = fmt.Errorf("deduct: %w: %w", sale.ErrUnknown, e.cause)
	}
	e.answer <- answer{err: err}
}
