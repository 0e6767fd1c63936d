package localstock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"onsale/internal/sale"
)

// Source asks Redis on behalf of a dry node: one call ends overdue holds and grants tickets.
type Source interface {
	Refill(ctx context.Context, known sale.Generation, quantity int) (sale.Grant, error)
}

// Hooks are called as things happen, with no lock held; nil hooks are not called.
type Hooks struct {
	Buffered func()               // the first buffer ticket of an epoch was taken: a slice ran out
	Adopted  func(sale.Allotment) // a newer plan replaced the old one
	Refilled func(sale.Grant, error)
	SoldOut  func(bool) // the sold-out lease began (true) or the stock returned (false)
}

// Config shapes the waiting.
type Config struct {
	// Wait is how long a request waits for a refill or a plan. Raising it keeps
	// more buyers hanging on a slow Redis; lowering it below a round trip turns
	// every refill into "busy".
	Wait time.Duration
	// Waiters bounds who waits; past it the answer is Busy at once. Raising it
	// costs a goroutine each; lowering it rejects the first rush at a dry node.
	Waiters int
	// Lease is how long sold out is believed after Redis last answered it. Raising
	// it hides returned tickets for longer; lowering it asks Redis more often.
	Lease time.Duration
}

// DefaultConfig is what docs/architecture.md describes.
func DefaultConfig() Config {
	return Config{Wait: 250 * time.Millisecond, Waiters: 10_000, Lease: time.Second}
}

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Wait < time.Millisecond {
		faults = append(faults, fmt.Errorf("local stock: wait %v: want at least 1ms", c.Wait))
	}
	if c.Waiters < 1 {
		faults = append(faults, fmt.Errorf("local stock: waiters %d: want at least 1", c.Waiters))
	}
	if c.Lease < time.Millisecond || c.Lease > time.Second {
		faults = append(faults, fmt.Errorf("local stock: lease %v: want 1ms to 1s", c.Lease))
	}
	return errors.Join(faults...)
}

// Stock is one sale's local stock. Its methods are safe for concurrent use.
type Stock struct {
	source Source
	config Config
	hooks  Hooks
	born   time.Time

	slot       chan state   // holds the state, or is empty while somebody owns it
	lease      atomic.Int64 // until when sold out is believed, in ns since born; 0: not sold out
	generation atomic.Int64 // the state's plan generation, for those who only ask
	refills    sync.WaitGroup
}

// state is what the slot guards.
type state struct {
	generation sale.Generation // of the plan
	epoch      uint64
	slice      int64
	buffer     int64
	waiting    queue
	refilling  bool
	buffered   bool // this epoch's first buffer ticket has been taken

	stock   sale.Generation // stock generation of the newest reading
	learned time.Time       // when that generation was first seen
}

// Taken is what a claim took, to be consumed or handed back.
type Taken struct {
	epoch  uint64
	slice  int32
	buffer int32
	first  bool // the epoch's first buffer ticket is among them
}

// New makes an empty stock: it is dry until a plan or a refill fills it.
func New(source Source, config Config, hooks Hooks) *Stock {
	s := &Stock{source: source, config: config, hooks: hooks, born: time.Now(), slot: make(chan state, 1)}
	s.slot <- state{}
	return s
}

// SoldOut reports whether the sold-out lease holds. It takes no lock.
func (s *Stock) SoldOut() bool {
	until := s.lease.Load()
	return until != 0 && int64(time.Since(s.born)) < until
}

// Exhausted reports whether Redis last answered sold out, even if the lease has
// ended since: the poll then looks for overdue holds.
func (s *Stock) Exhausted() bool { return s.lease.Load() != 0 }

// Generation is the plan generation that the stock knows.
func (s *Stock) Generation() sale.Generation { return sale.Generation(s.generation.Load()) }

// Level is what slice and buffer hold, for metrics.
func (s *Stock) Level() (slice, buffer int64) {
	st := <-s.slot
	s.slot <- st
	return st.slice, st.buffer
}

// Take takes q tickets at once, or nothing. It fails where too few are left
// and where others wait.
func (s *Stock) Take(q int) (Taken, bool) {
	st := <-s.slot
	if st.waiting.length > 0 {
		s.slot <- st
		return Taken{}, false
	}
	t, ok := st.take(int64(q))
	s.slot <- st
	s.reportBuffered(t)
	return t, ok
}

// take is the atomic step: the owner of the state calls it.
func (st *state) take(q int64) (Taken, bool) {
	if st.slice+st.buffer < q {
		return Taken{}, false
	}
	slice := min(q, st.slice)
	buffer := q - slice
	first := buffer > 0 && !st.buffered
	st.slice -= slice
	st.buffer -= buffer
	st.buffered = st.buffered || first
	return Taken{epoch: st.epoch, slice: int32(slice), buffer: int32(buffer), first: first}, true
}

// reportBuffered reports that a slice ran out. The one who got the tickets calls it: those
// who serve the queue own the state while they do.
func (s *Stock) reportBuffered(t Taken) {
	if t.first && s.hooks.Buffered != nil {
		s.hooks.Buffered()
	}
}

// HandBack returns what a claim did not use. What was taken in an older epoch is
// dropped: a newer plan has counted it already.
func (s *Stock) HandBack(t Taken) {
	st := <-s.slot
	if t.epoch == st.epoch {
		st.slice += int64(t.slice)
		st.buffer += int64(t.buffer)
		st.serve()
	}
	s.slot <- st
}

// Observe takes the reading of a script's reply: it adopts a newer allotment in
// O(1), and begins, renews or ends the sold-out lease.
//
// Replies overtake each other, so a reading counts only if it is not older
// than what is known. Within one stock generation remaining only falls; a
// lower generation is believed only if its call was sent after the higher one
// was learned, which happens where Redis lost data.
func (s *Stock) Observe(r sale.Reading) {
	st := <-s.slot
	changed := s.observe(&st, r)
	s.slot <- st
	s.report(changed, r)
}

// change is what a reading did, so that hooks run after the slot is full again.
type change struct {
	adopted, began, ended bool
	outdated              bool // a newer reading was known
}

func (s *Stock) observe(st *state, r sale.Reading) change {
	var c change
	if r.Allotment.Generation > st.generation {
		st.generation, st.slice, st.buffer = r.Allotment.Generation, r.Allotment.Slice, r.Allotment.Buffer
		s.generation.Store(int64(st.generation))
		st.begin()
		c.adopted = true
	}
	c.outdated = r.Stock < st.stock && !r.Sent.After(st.learned)
	if c.outdated {
		st.serve()
		return c
	}
	returned := r.Stock != st.stock
	if returned {
		st.stock, st.learned = r.Stock, time.Now()
	}
	switch until := s.lease.Load(); {
	case r.Remaining == 0:
		c.began = until == 0
		s.lease.Store(max(until, int64(r.Sent.Add(s.config.Lease).Sub(s.born)), 1))
		st.slice, st.buffer = 0, 0
		st.begin()
		st.waiting.reject(Refusal{Outcome: sale.SoldOut})
	case until != 0 && returned:
		s.lease.Store(0)
		c.ended = true
	}
	st.serve()
	return c
}

// begin starts an epoch: what was taken before belongs to the past.
func (st *state) begin() {
	st.epoch++
	st.buffered = false
}

func (s *Stock) report(c change, r sale.Reading) {
	if c.adopted && s.hooks.Adopted != nil {
		s.hooks.Adopted(r.Allotment)
	}
	if (c.began || c.ended) && s.hooks.SoldOut != nil {
		s.hooks.SoldOut(c.began)
	}
}
