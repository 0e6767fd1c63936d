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
	// Decide returns Redis's word. An error that wraps sale.ErrUnavailable
	// proves that nothing was sold; any other leaves that open.
	Decide(sale.Claim) (sale.Decision, error)
	// Wait returns when every claim has been answered.
	Wait()
}

// Desk sells one sale on this node.
type Desk struct {
	id         sale.ID
	definition atomic.Pointer[definition]
	newest     atomic.Pointer[sale.Reading] // which may be a poll old; nil before the first
	local      *localstock.Stock
	remote     Remote
	clock      Clock // of the Redis that has this sale: the masters of a Cluster differ
	patience   time.Duration
	memory     *memory // the shop's
	refuses    func(sale.ID) error
	warmth     warmth
}

// definition is a sale as it was read by a call that was sent then.
type definition struct {
	sale.Sale
	sent time.Time
}

// Sale is the definition as last polled. It must not be changed.
func (d *Desk) Sale() *sale.Sale { return &d.definition.Load().Sale }

// define takes the definition that a reading came with. Replies overtake each other.
func (d *Desk) define(s sale.Sale, sent time.Time) {
	for {
		old := d.definition.Load()
		if old != nil && sent.Before(old.sent) || d.definition.CompareAndSwap(old, &definition{s, sent}) {
			return
		}
	}
}

// Remaining is what Redis had left at the newest reading, 0 before the first.
func (d *Desk) Remaining() int64 {
	if r := d.newest.Load(); r != nil {
		return r.Remaining
	}
	return 0
}

// Now is the estimate of the sale's Redis time; ok is false before the first reading.
func (d *Desk) Now() (now sale.Instant, ok bool) { return d.clock.Now() }

// Local is the sale's local stock.
func (d *Desk) Local() *localstock.Stock { return d.local }

// Generation is the plan generation that this node knows.
func (d *Desk) Generation() sale.Generation { return d.local.Generation() }

// Observe takes what a script's reply said.
func (d *Desk) Observe(r sale.Reading) {
	d.note(r)
	d.local.Observe(r)
}

// Acknowledged remembers a hold, before its buyer is answered.
func (d *Desk) Acknowledged(hold sale.Decision, m sale.Mark) {
	d.memory.add(d.id, Remembered{hold.Order, m, hold.Outcome == sale.Replayed}, time.Now())
}

// note is Observe without the local stock, which sees a draw's reading itself.
// Replies overtake each other: one to an earlier call is no news.
func (d *Desk) note(r sale.Reading) {
	d.clock.Set(r.At, r.Sent)
	for {
		old := d.newest.Load()
		if old != nil && r.Sent.Before(old.Sent) || d.newest.CompareAndSwap(old, &r) {
			return
		}
	}
}

// Precheck is what can be said to anybody, before a token is looked at:
// NotOpen, Closed or SoldOut, or Undecided where a token and Redis must decide.
func (d *Desk) Precheck() sale.Outcome {
	now, ok := d.clock.Now()
	if !ok {
		return sale.Undecided
	}
	if o := d.definition.Load().WindowAt(now); o != sale.Undecided {
		return o
	}
	if d.local.SoldOut() {
		return sale.SoldOut
	}
	return sale.Undecided
}

// Buy takes local stock and has Redis decide. The error wraps
// sale.ErrUnavailable where nothing was sold, and sale.ErrUnknown where an
// order may exist: the buyer is told to ask for it.
func (d *Desk) Buy(ctx context.Context, buyer sale.Buyer, quantity int) (sale.Decision, error) {
	d.warmth.ask()
	now, ok := d.clock.Now()
	if !ok {
		return sale.Decision{}, fmt.Errorf("no reading of Redis time yet: %w", sale.ErrUnavailable)
	}
	if o := d.Precheck(); o != sale.Undecided {
		return sale.Decision{Outcome: o}, nil
	}
	if err := d.refuses(d.id); err != nil {
		return sale.Decision{}, err
	}
	taken, refusal, ok := d.local.Acquire(ctx, quantity)
	if !ok {
		return sale.Decision{Outcome: refusal.Outcome, Remaining: refusal.Remaining}, unsold(refusal.Err)
	}
	order, err := uuid.NewV7()
	if err != nil {
		d.local.HandBack(taken)
		return sale.Decision{}, fmt.Errorf("no order id: %w: %w", sale.ErrUnavailable, err)
	}
	decision, err := d.remote.Decide(sale.Claim{
		Order: sale.OrderID(order.String()), Buyer: buyer, Quantity: quantity, Deadline: now.Add(d.patience),
	})
	if d.unused(decision, err, sale.OrderID(order.String())) {
		d.local.HandBack(taken)
	}
	return decision, err
}

// unsold is the error of a failed draw. A draw reserves nothing, so even where
// nobody knows whether it ran, nothing was sold: the text of the cause is kept,
// but not its sale.ErrUnknown, which would send the buyer looking for an order.
func unsold(err error) error {
	if err == nil || errors.Is(err, sale.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %v", sale.ErrUnavailable, err)
}

// unused is the design's table of what a claim's local stock becomes. Handing
// back too much costs a refused call; handing back too little is mended by the
// next plan or draw; selling is Redis's business alone.
func (d *Desk) unused(decision sale.Decision, err error, order sale.OrderID) bool {
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
		// The reading that said so has emptied the local stock.
		return false
	}
	return true
}
