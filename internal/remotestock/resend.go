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
// the script repeats its first answer. A claim that is unknown already stays
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
	now := time.Now()
	again := batch[:0]
	for _, e := range batch {
		e.unknown, e.cause = e.unknown || unknown, err
		if isLost(err) {
			// A sale that is shut answers nobody, and its claims are not sent again:
			// what became of an earlier call is for reconciliation to find out.
			e.unknown = false
		}
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
	c.requeue(again)
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

// requeue puts claims at the front of the queue.
func (c *Committer) requeue(again []*entry) {
	if len(again) == 0 {
		return
	}
	c.mu.Lock()
	c.queue = append(append(make([]*entry, 0, len(again)+len(c.queue)), again...), c.queue...)
	c.mu.Unlock()
}
