package rebalance

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
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
	// OpAdvance moves a line on.
	OpAdvance Op = "advance"
	// OpDraw takes the draw of a line, and publishes the hash of its list.
	OpDraw Op = "draw"
)

// Hooks report what the loop does. Nil hooks are not called. They are
// called from the loop's goroutines, several at once, and must not block.
type Hooks struct {
	// Surveyed: a sale was surveyed. It is the same survey that planning goes by.
	Surveyed func(sale.Survey)
	// Planned: a plan for so many nodes was written.
	Planned func(id sale.ID, plan sale.Generation, reason Reason, nodes int)
	// Traced is called when a plan for so many nodes is due, before it is written, with the time at which the sale's survey
	// began. It returns what is called with the plan's number, or why it was not written.
	Traced func(id sale.ID, reason Reason, nodes int, since time.Time) (end func(sale.Generation, error))
	// Leading: this allocator began or ceased to lead.
	Leading func(bool)
	// Expired: so many overdue holds were resolved by one call; never 0.
	Expired func(id sale.ID, holds int)
	// Dropped: this leader plans the sale no more, because it is archived.
	Dropped func(id sale.ID)
	// Failed: a call failed. Every failure is reported, also repeated ones.
	Failed func(op Op, err error)
}

// callFails is logged when a call to the store begins to fail.
var callFails = &failurelog.Kind{Begins: "store call fails", Over: "store call works again", Level: zap.WarnLevel}

// failures reports failures: every one to the hooks, and to the log that an operation began to fail
// and that it works again.
type failures struct {
	hooks   Hooks
	seen    *failurelog.Log[Op]
	missing int // times that a listed sale was not there; one goroutine notes those
}

func newFailures(log *zap.Logger, hooks Hooks) *failures {
	return &failures{hooks: hooks, seen: failurelog.New(log, func(op Op, _ *failurelog.Kind) []zap.Field {
		return []zap.Field{zap.String("op", string(op))}
	})}
}

// note takes the result of one call made under ctx. A call that failed because
// its caller is stopping is no failure of the store.
func (f *failures) note(ctx context.Context, op Op, err error) {
	if err == nil {
		f.seen.Note(op, nil, nil)
		return
	}
	if ctx.Err() != nil || f.archived(err) {
		return
	}
	if f.hooks.Failed != nil {
		f.hooks.Failed(op, err)
	}
	f.seen.Note(op, callFails, err)
}

// archiving is for how many looks a sale may be missing before the next
// listing leaves it out and stops its planner.
const archiving = 3

// archived reports whether err is what archiving a sale looks like to its
// planner. One that is missing for longer, yet listed, has lost its books.
func (f *failures) archived(err error) bool {
	if !errors.Is(err, sale.ErrNoSale) {
		return false
	}
	f.missing++
	return f.missing <= archiving
}
