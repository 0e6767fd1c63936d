package rebalance

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Op names a call to the store. The set is closed: it is a metric label.
type Op string

// The calls.
const (
	OpLease  Op = "lease"
	OpSales  Op = "sales"
	OpSurvey Op = "survey"
	OpPlan   Op = "plan"
	OpExpire Op = "expire"
)

// Hooks tell an observer what the loop does. Nil members do nothing. They are
// called from the loop's goroutines, several at once, and must not block.
type Hooks struct {
	// Planned: a plan for so many nodes was written.
	Planned func(id sale.ID, plan sale.Generation, reason Reason, nodes int)
	// Leading: this allocator began or ceased to lead.
	Leading func(bool)
	// Expired: so many overdue holds were resolved by one call; never 0.
	Expired func(id sale.ID, holds int)
	// Failed: a call failed. Every failure is told, also repeated ones.
	Failed func(op Op, err error)
}

// filled replaces nil members by functions that do nothing.
func (h Hooks) filled() Hooks {
	if h.Planned == nil {
		h.Planned = func(sale.ID, sale.Generation, Reason, int) {}
	}
	if h.Leading == nil {
		h.Leading = func(bool) {}
	}
	if h.Expired == nil {
		h.Expired = func(sale.ID, int) {}
	}
	if h.Failed == nil {
		h.Failed = func(Op, error) {}
	}
	return h
}

// journal tells of failures: every one to the hooks, but to the log only that
// an operation began to fail and that it works again. One goroutine owns it.
type journal struct {
	log     *zap.Logger
	hooks   Hooks
	failing map[Op]bool
	missing int // times that a listed sale was not there
}

func newJournal(log *zap.Logger, hooks Hooks) *journal {
	return &journal{log: log, hooks: hooks, failing: make(map[Op]bool)}
}

// note takes the result of one call made under ctx. A call that failed because
// its caller is stopping says nothing about the store.
func (j *journal) note(ctx context.Context, op Op, err error) {
	switch {
	case err != nil && (ctx.Err() != nil || j.archived(err)):
	case err != nil:
		j.hooks.Failed(op, err)
		if !j.failing[op] {
			j.failing[op] = true
			j.log.Warn("store call fails", zap.String("op", string(op)), zap.Error(err))
		}
	case j.failing[op]:
		j.failing[op] = false
		j.log.Info("store call works again", zap.String("op", string(op)))
	}
}

// archiving is for how many looks a sale may be missing before the next
// listing leaves it out and stops its planner.
const archiving = 3

// archived reports whether err is what archiving a sale looks like to its
// planner. One that is missing for longer, yet listed, has lost its books.
func (j *journal) archived(err error) bool {
	if !errors.Is(err, sale.ErrNoSale) {
		return false
	}
	j.missing++
	return j.missing <= archiving
}
