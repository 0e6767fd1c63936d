package ledger

import (
	"context"
	"errors"
	"time"

	"onsale/internal/sale"
)

// reconcileTimeout bounds one reconciliation of its own accord: a million orders take a
// minute on two cores.
const reconcileTimeout = 10 * time.Minute

// reconciledAtOnce is how many sales a ledger reconciles at the same time. Raised, the sale
// that buyers are waiting for shares the processors with others; lowered, a large sale keeps
// the small ones waiting.
const reconciledAtOnce = 2

// report calls the hook Lost where that has changed.
func (r *reader) report(lost bool) {
	if r.hooks.Lost != nil && (r.reported == nil || *r.reported != lost) {
		r.hooks.Lost(r.id, lost)
	}
	r.reported = &lost
}

// yielded reports whether an operator wants to reconcile the sale.
func (r *reader) yielded(work context.Context) bool {
	r.asked = time.Now()
	ctx, cancel := context.WithTimeout(work, r.cfg.Call)
	defer cancel()
	yes, err := r.stream.Yielded(ctx, r.id)
	r.note(work, OpLease, err)
	return yes
}

// lost shuts the sale, reports why, once, and has it reconciled. A sale that an earlier
// version wrote, or that Redis does not have, can't be shut and need not be.
func (r *reader) lost(work context.Context, why error) error {
	r.report(true)
	r.note(work, OpChain, why)
	call, cancel := context.WithTimeout(work, r.cfg.Call)
	defer cancel()
	err := r.stream.Shut(call, r.id, why.Error())
	if errors.Is(err, sale.ErrNoSale) || errors.Is(err, sale.ErrLost) {
		err = nil
	}
	r.note(work, OpShut, err)
	if err != nil {
		return err
	}
	if r.reconcile == nil {
		return why
	}
	mine := r.turns.ask(r.sold)
	defer r.turns.leave(mine)
	for waiting := true; waiting; {
		select {
		case <-mine.granted:
			waiting = false
		case <-work.Done():
			return why
		case <-time.After(r.cfg.Look):
			if r.yielded(work) {
				return why
			}
		}
	}
	long, end := context.WithTimeout(work, reconcileTimeout)
	defer end()
	if err = r.reconcile(long, r.id, r.token); !errors.Is(err, sale.ErrFenced) {
		r.note(work, OpReconcile, err)
	}
	return err
}
