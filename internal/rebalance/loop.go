package rebalance

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

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
	// Survey reads all that a plan depends on at one instant.
	Survey(ctx context.Context, id sale.ID) (sale.Survey, error)
	// WritePlan replaces the plan and returns its generation. It refuses with
	// sale.ErrFenced if a later token has written, and with sale.ErrStale if
	// the stock generation is no longer stock.
	WritePlan(ctx context.Context, id sale.ID, token, stock sale.Generation, shares []sale.Share) (sale.Generation, error)
	// Expire ends at most limit overdue holds and says how many it ended and
	// whether more may be overdue. known is the plan generation whose allotment
	// the caller has; the loop, which sells nothing, says 0.
	Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (ended int, more bool, r sale.Reading, err error)
}

// Lease is held by one allocator at a time.
type Lease interface {
	// Acquire takes the lease or renews it. The token rises with each new
	// holder; held is false while another allocator has the lease.
	Acquire(ctx context.Context) (token sale.Generation, held bool, err error)
	// Release gives the lease up; without it, it does nothing.
	Release(ctx context.Context) error
}

// errLost ends a term whose lease lapsed, or passed to another and back.
var errLost = errors.New("the lease was lost")

// Loop plans all sales while it holds the lease, and waits for it otherwise.
// Any number of loops may run against one store.
type Loop struct {
	members Members
	stock   Stock
	lease   Lease
	cfg     Config
	hooks   Hooks
	log     *zap.Logger
}

// New wires a loop; cfg must be valid. It starts nothing.
func New(members Members, stock Stock, lease Lease, cfg Config, hooks Hooks, log *zap.Logger) *Loop {
	return &Loop{members: members, stock: stock, lease: lease, cfg: cfg, hooks: hooks.filled(), log: log}
}

// Run leads whenever it can, until ctx is done; it then gives the lease up and
// returns nil after its children. Failures of the store are reported and
// outlived, never returned.
func (l *Loop) Run(ctx context.Context) error {
	changed := l.members.Changed()
	for {
		g, ok := l.campaign(ctx)
		if !ok {
			return nil
		}
		l.lead(ctx, g, changed)
		// The pause keeps a store that contradicts itself (lease granted,
		// plan fenced) from being asked in a tight circle.
		if !pause(ctx, l.cfg.LeaseRenew) {
			return nil
		}
	}
}

// grant is a lease held: its token, and when the call that got it was sent.
// Counted from then, it never seems to last longer here than in the store.
type grant struct {
	token sale.Generation
	sent  time.Time
}

// campaign tries for the lease until it is held; false means ctx is done.
func (l *Loop) campaign(ctx context.Context) (grant, bool) {
	journal := newJournal(l.log, l.hooks)
	for ctx.Err() == nil {
		g, held, err := l.acquire(ctx)
		journal.note(ctx, OpLease, err)
		if err == nil && held {
			return g, true
		}
		pause(ctx, l.cfg.LeaseRenew)
	}
	return grant{}, false
}

// lead serves one term: from a lease got to its end by loss, fence or ctx.
func (l *Loop) lead(ctx context.Context, g grant, changed <-chan struct{}) {
	l.log.Info("leading", zap.Int64("token", int64(g.token)))
	l.hooks.Leading(true)
	served, end := context.WithCancelCause(ctx)
	defer end(nil)
	t := &term{Loop: l, grant: g, changed: changed, end: end}
	t.run(served)
	l.hooks.Leading(false)
	l.log.Info("no longer leading", zap.Int64("token", int64(g.token)), zap.NamedError("cause", context.Cause(served)))

	// Released also after a loss or a fence: if the store still counts the
	// lease as ours, the next holder, perhaps this one, must get a new token.
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.cfg.Call)
	defer cancel()
	newJournal(l.log, l.hooks).note(rest, OpLease, l.lease.Release(rest))
}

func (l *Loop) acquire(ctx context.Context) (grant, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Call)
	defer cancel()
	sent := time.Now()
	token, held, err := l.lease.Acquire(ctx)
	return grant{token: token, sent: sent}, held, err
}

// pause waits for d; false means ctx was done first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
