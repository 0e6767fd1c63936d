package rebalance

import (
	"context"

	"go.uber.org/zap"

	"onsale/internal/draw"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// Members is the gossip view that plans are made for.
type Members interface {
	// View is every live node, sorted by name.
	View() sale.View
	// Changed is signalled after the view changed; signals may coalesce. The
	// channel is this loop's alone and never closed.
	Changed() <-chan struct{}
}

// Stock is the store's side of planning. Every error but those named leaves
// the matter to the next tick.
type Stock interface {
	// Sales lists the sales that are not archived.
	Sales(ctx context.Context) ([]sale.ID, error)
	// News and Hot return the sales that operators have changed, and that buyers have asked for,
	// after a number, and the next number. lost: the number is not known any more, so anything
	// may have changed.
	News(ctx context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error)
	Hot(ctx context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error)
	// Glances looks at many sales in few round trips, in the order of the ids.
	Glances(ctx context.Context, ids []sale.ID) ([]sale.Glance, []error)
	// Survey reads all that a plan depends on at one instant.
	Survey(ctx context.Context, id sale.ID) (sale.Survey, error)
	// WritePlan replaces the plan and returns its generation. It refuses with
	// sale.ErrFenced if a later token has written, and with sale.ErrStale if
	// the stock generation is no longer stock.
	WritePlan(ctx context.Context, id sale.ID, token, stock sale.Generation, shares []sale.Share) (sale.Generation, error)
	// Expire ends at most limit overdue holds and returns how many it ended and
	// whether more may be overdue. known is the plan generation whose allotment
	// the caller has; the loop, which sells nothing, passes 0.
	Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (ended int, more bool, r sale.Reading, err error)
	// Advance moves the front of a sale's line on, at most once in a second however many call it,
	// and returns it. known is the front that the caller knows of: the store may have lost it.
	Advance(ctx context.Context, id sale.ID, known int64) (front int64, r sale.Reading, err error)
	draw.Store
}

// Holder holds the lease of the one allocator that leads.
type Holder interface {
	// Campaign tries until the lease is held, and Hold must follow. It returns
	// ctx's error if ctx is done before.
	Campaign(ctx context.Context) error
	// Hold runs do while it renews the lease, and releases it afterwards. The
	// token rises with each new holder. Both contexts that do gets are done
	// when the lease is lost, and sale.ErrLeaseLost is then the error.
	Hold(ctx context.Context, do func(stop, work context.Context, token sale.Generation) error) error
}

// Loop plans all sales while it holds the lease, and waits for it otherwise.
// Any number of loops may run against one store.
type Loop struct {
	members Members
	stock   Stock
	holder  Holder
	cfg     Config
	hooks   Hooks
	log     *zap.Logger
	surveys surveys
}

// New wires a loop; cfg must be valid. holder makes its holder of the lease;
// report receives the result of every call for the lease, nil included. It
// starts nothing.
func New(members Members, stock Stock, holder func(report func(error)) Holder, cfg Config, hooks Hooks, log *zap.Logger) *Loop {
	l := &Loop{members: members, stock: stock, cfg: cfg, hooks: hooks, log: log}
	failures := newFailures(log, l.hooks)
	l.holder = holder(func(err error) { failures.note(context.Background(), OpLease, err) })
	return l
}

// Run leads whenever it can, until ctx is done; it then gives the lease up and
// returns nil after its children. Failures of the store are reported and
// outlived, never returned.
func (l *Loop) Run(ctx context.Context) error {
	changed := l.members.Changed()
	for {
		if err := l.holder.Campaign(ctx); err != nil {
			return nil
		}
		// Whatever ended it, Hold has released the lease, and the next try is due.
		_ = l.holder.Hold(ctx, func(stop, _ context.Context, token sale.Generation) error {
			return l.lead(stop, token, changed)
		})
		// The pause keeps a store that contradicts itself (lease granted,
		// plan fenced) from being asked in a tight circle.
		if !pause.For(ctx, l.cfg.LeaseRenew) {
			return nil
		}
	}
}

// lead leads under one token, until the lease is lost, a newer leader has
// written, or ctx is done; it returns the cause.
func (l *Loop) lead(ctx context.Context, token sale.Generation, changed <-chan struct{}) error {
	l.log.Info("leading", zap.Int64("token", int64(token)))
	l.leading(true)
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	leader := &leader{Loop: l, token: token, changed: changed, end: end}
	leader.run(ctx)
	l.leading(false)
	l.log.Info("no longer leading", zap.Int64("token", int64(token)), zap.NamedError("cause", context.Cause(ctx)))
	return context.Cause(ctx)
}

func (l *Loop) leading(leading bool) {
	if l.hooks.Leading != nil {
		l.hooks.Leading(leading)
	}
}
