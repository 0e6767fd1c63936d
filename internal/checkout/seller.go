package checkout

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

// Remote decides claims of one sale, in group commits.
type Remote interface {
	// Decide returns Redis's decision. An error that wraps sale.ErrUnavailable
	// proves that nothing was sold; any other leaves that open.
	Decide(sale.Claim) (sale.Decision, error)
	// Join returns the place that Redis has given. After an error the buyer may have one, and
	// gets it by joining again.
	Join(sale.Join) (sale.Placed, error)
	// Wait returns when every claim and join has been answered.
	Wait()
}

// Seller sells one sale on this node.
type Seller struct {
	id         sale.ID
	definition atomic.Pointer[definition]
	newest     atomic.Pointer[sale.Reading] // which may be a poll old; nil before the first
	line       atomic.Pointer[lineRead]     // of a sale that has one; nil before the first
	draw       atomic.Pointer[Draw]         // nil before the draw is known here
	local      *localstock.Stock
	remote     Remote
	orders     Orders
	clock      Clock // of the Redis that has this sale: the masters of a Cluster differ
	patience   time.Duration
	memory     *memory // the catalog's
	refuses    func(sale.ID) error
	warmth     warmth
}

// definition is a sale as it was read by a call that was sent then.
type definition struct {
	sale.Sale
	sent time.Time
}

// Sale is the definition as last polled. It must not be changed.
func (s *Seller) Sale() *sale.Sale { return &s.definition.Load().Sale }

// define takes the definition that a reading came with. Replies overtake each other.
func (s *Seller) define(is sale.Sale, sent time.Time) {
	for {
		old := s.definition.Load()
		if old != nil && sent.Before(old.sent) || s.definition.CompareAndSwap(old, &definition{is, sent}) {
			return
		}
	}
}

// Remaining is what Redis had left at the newest reading, 0 before the first.
func (s *Seller) Remaining() int64 {
	if r := s.newest.Load(); r != nil {
		return r.Remaining
	}
	return 0
}

// Now is the estimate of the sale's Redis time; ok is false before the first reading.
func (s *Seller) Now() (now sale.Instant, ok bool) { return s.clock.Now() }

// Local is the sale's local stock.
func (s *Seller) Local() *localstock.Stock { return s.local }

// Generation is the plan generation that this node knows.
func (s *Seller) Generation() sale.Generation { return s.local.Generation() }

// Observe takes what a script's reply reported.
func (s *Seller) Observe(r sale.Reading) {
	s.note(r)
	s.local.Observe(r)
}

// Acknowledged remembers a hold, before its buyer is answered.
func (s *Seller) Acknowledged(hold sale.Decision, m sale.Mark) {
	s.memory.add(s.id, Remembered{hold.Order, m, hold.Outcome == sale.Replayed}, time.Now())
}

// note is Observe without the local stock, which sees a refill's reading itself.
// Replies overtake each other: one to an earlier call is no news.
func (s *Seller) note(r sale.Reading) {
	s.clock.Set(r.At, r.Sent)
	if r.Line != nil {
		s.noteLine(*r.Line, r.Sent)
	}
	for {
		old := s.newest.Load()
		if old != nil && r.Sent.Before(old.Sent) || s.newest.CompareAndSwap(old, &r) {
			return
		}
	}
}

// Precheck returns the sale's phase, which can be answered to anybody before a token is
// looked at. A sale that is asked for seldom is read first; an error means that it can't be.
func (s *Seller) Precheck() (sale.Phase, error) {
	if err := s.refreshHot(); err != nil {
		return sale.PhaseUnknown, err
	}
	return s.phase(), nil
}

// Show returns what anybody may see of the sale: its phase, and the stock as last
// read, at the Redis time of now. The error wraps sale.ErrUnavailable.
func (s *Seller) Show() (sale.Phase, sale.Reading, error) {
	if err := s.refresh(); err != nil {
		return sale.PhaseUnknown, sale.Reading{}, err
	}
	now, ok := s.clock.Now()
	if !ok {
		return sale.PhaseUnknown, sale.Reading{}, errNoTime
	}
	r := *s.newest.Load()
	r.At = now
	if l := s.line.Load(); l != nil {
		r.Line = &l.Line
	}
	return s.phase(), r, nil
}

// errNoTime means that Redis has not answered about the sale yet.
var errNoTime = fmt.Errorf("no reading of Redis time yet: %w", sale.ErrUnavailable)

func (s *Seller) phase() sale.Phase {
	now, ok := s.clock.Now()
	if !ok {
		return sale.PhaseUnknown
	}
	p := s.definition.Load().WindowAt(now)
	if p == sale.PhaseOnSale && s.local.SoldOut() {
		return sale.PhaseSoldOut
	}
	return p
}

// Buy takes local stock and has Redis decide, also whether the sale is open: see Precheck
// for what is known without asking. place is the buyer's position in the line, 0 for none: Redis
// compares it with the front again. The error wraps sale.ErrUnavailable if nothing was
// sold, and sale.ErrUnknown if an order may exist: the buyer has to ask for it.
func (s *Seller) Buy(ctx context.Context, buyer sale.Buyer, quantity int, place int64) (sale.Decision, error) {
	if s.warmth.cold.Load() { // else Precheck has just done so
		s.warmth.ask(s.id)
	}
	now, ok := s.clock.Now()
	if !ok {
		return sale.Decision{}, errNoTime
	}
	if err := s.refuses(s.id); err != nil {
		return sale.Decision{}, err
	}
	taken, refusal, ok := s.local.Acquire(ctx, quantity)
	if !ok {
		return sale.Decision{Outcome: refusal.Outcome, Remaining: refusal.Remaining}, unsold(refusal.Err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		s.local.HandBack(taken)
		return sale.Decision{}, fmt.Errorf("no order id: %w: %w", sale.ErrUnavailable, err)
	}
	order := sale.OrderID(id.String())
	decision, err := s.remote.Decide(sale.Claim{
		Order: order, Buyer: buyer, Quantity: quantity, Deadline: now.Add(s.patience), Place: place, Trace: sale.TraceOf(ctx),
	})
	if s.unused(decision, err, order) {
		s.local.HandBack(taken)
	}
	if err == nil && (decision.Outcome == sale.Held || decision.Outcome == sale.Replayed) {
		err = s.priced(decision.Order)
	}
	return decision, err
}

// unsold is the error of a failed refill. A refill reserves nothing, so nothing was sold
// even if it is unknown whether it ran. The text of the cause is kept,
// but not its sale.ErrUnknown, which would send the buyer looking for an order.
func unsold(err error) error {
	if err == nil || errors.Is(err, sale.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %v", sale.ErrUnavailable, err)
}

// unused is docs/architecture.md's table of what a claim's local stock becomes. Handing
// back too much costs a refused call; the next plan or refill corrects handing
// back too little; Redis alone decides what is sold.
func (s *Seller) unused(decision sale.Decision, err error, order sale.OrderID) bool {
	if err != nil {
		// Unknown: Redis may have run the script before the reply was lost.
		return errors.Is(err, sale.ErrUnavailable)
	}
	switch decision.Outcome {
	case sale.Held:
		return false
	case sale.Replayed:
		// The claim's own order, sent twice, consumed its tickets once.
		return decision.Order.ID != order
	case sale.SoldOut:
		// The reading of the same reply has emptied the local stock.
		return false
	}
	return true
}
