package remotestock

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// What becomes of claims whose call failed.

// failed sorts a batch whose call failed. A timeout does not hand a ticket
// back: Redis may have run the script before the reply was lost. Such claims
// go to the front of the queue and are sent again under the same order id, and
// the script answers with the order that it made. A claim that is unknown already stays
// so, even where this call proved that it did not run: an open breaker does
// not turn unknown into refused.
func (c *Committer) failed(batch []*entry, err error) {
	unknown := ran(err)
	if errors.Is(err, errReplicas) {
		c.short.Store(true)
	}
	if errors.Is(err, ErrReply) && c.garbled.CompareAndSwap(false, true) {
		c.store.log.Error("reply of the wrong shape", zap.String("sale", string(c.sale)), zap.Error(err))
	}
	// A sale that is shut answers nobody, so its claims are not sent again. What became of an
	// earlier call is for reconciliation to find out, and unknown until then.
	shut := isLost(err)
	now := time.Now()
	again := batch[:0]
	for _, e := range batch {
		e.unknown, e.cause = e.unknown || unknown, err
		if e.unknown && !shut && !now.After(e.giveUp) {
			again = append(again, e)
		} else {
			e.reject()
		}
	}
	if tripped(err) {
		c.rejectUnsent(err)
	}
	if len(again) == 0 {
		return
	}
	if c.store.hooks.Resent != nil {
		c.store.hooks.Resent(len(again))
	}
	time.Sleep(c.store.config.Pause)
	c.requeue(again)
}

// rejectUnsent answers those in the queue who were never sent: the breaker
// rejects them too, and behind unknown claims that are sent again and again
// they would get that answer only when those give up.
func (c *Committer) rejectUnsent(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = slices.DeleteFunc(c.queue, func(e *entry) bool {
		if e.unknown {
			return false
		}
		e.cause = err
		e.reject()
		return true
	})
}

// reject answers a claim that is not sent any more. Where no call of it may have
// run, the cause is one that proves so.
func (e *entry) reject() {
	err := classify("deduct", e.cause)
	if e.unknown {
		err = fmt.Errorf("deduct: %w: %w", sale.ErrUnknown, e.cause)
	}
	e.answer <- answer{err: err}
}

// requeue puts claims at the front of the queue.
func (c *Committer) requeue(again []*entry) {
	if len(again) == 0 {
		return
	}
	c.mu.Lock()
	c.queue = append(append(make([]*entry, 0, len(again)+len(c.queue)), again...), c.queue...)
	c.mu.Unlock()
}
