package operate

import (
	"context"
	"errors"
	"fmt"
	"time"

	appledger "onsale/internal/app/ledger"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/ledger"
	"onsale/internal/pause"
	"onsale/internal/reconcile"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// ReconcileOptions are what an operator has decided, and how far a reconciliation may go.
type ReconcileOptions struct {
	Decisions    reconcile.Decisions
	DryRun       bool // end with the plan
	Force        bool // also a sale that has lost nothing
	WithoutNodes bool // also if a node that runs does not answer
	// Wait bounds the wait for the sale's lease: the ledger that reads the sale gives it
	// up when it is asked to, or loses it when it is dead.
	Wait time.Duration
}

// Reconcile puts a sale together again that has lost data, from what Redis, the ledger and
// the nodes' memory hold. progress is called with each step as text. It returns the plan
// also with [ledger.ErrDecisionNeeded], [ledger.ErrWhole], and after a dry run.
func Reconcile(ctx context.Context, at StoreFlags, admin app.AdminFlags, id sale.ID, o ReconcileOptions, progress func(string), log *zap.Logger) (plan reconcile.Plan, err error) {
	token, err := admin.Token()
	if err != nil {
		return plan, err
	}
	s, err := openStores(ctx, at, 0, log)
	if err != nil {
		return plan, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	c := ledger.DefaultConfig()
	c.Call = s.config.Call
	r := &ledger.Reconciler{Stock: s.Store, Memory: appledger.NodesMemory(s.client, s.config.Prefix, token, c.Settle), Cfg: c}
	if s.ledger != nil { // a nil pointer would be a ledger
		r.Store = s.ledger
	}
	if err := s.complete(ctx); err != nil {
		return plan, err
	}
	work := ledger.Reconciliation{Decisions: o.Decisions, DryRun: o.DryRun, Force: o.Force, WithoutNodes: o.WithoutNodes, Progress: progress}
	if o.DryRun || s.ledger == nil {
		return r.Run(ctx, id, work)
	}
	if o.Force {
		// The ledger that reads the sale leaves one that is shut.
		if err := s.Shut(ctx, id, "an operator reconciles it"); err != nil && !errors.Is(err, sale.ErrNoSale) {
			return plan, err
		}
	}
	c.LeaseTime = max(c.LeaseTime, 2*c.Call)
	holder := appledger.Reader(s.client, s.config.Prefix, id, "reconcile/"+uuid.NewString(), c, func(error) {})
	if err := takeLease(ctx, s, id, holder, o.Wait, progress); err != nil {
		return plan, err
	}
	defer func() { err = errors.Join(err, s.Resume(context.WithoutCancel(ctx), id)) }()
	err = holder.Hold(ctx, func(_, work2 context.Context, token sale.Generation) error {
		work.Token = token
		plan, err = r.Run(work2, id, work)
		return err
	})
	return plan, err
}

// complete fails where the site has a ledger and no database was named: a merge of Redis
// and the nodes' memory alone would leave out what the ledger has.
func (s *stores) complete(ctx context.Context) error {
	if s.ledger != nil {
		return nil
	}
	site, err := s.CheckSite(ctx, remotestock.Site{})
	if site.Ledger == "1" {
		return errors.New("the site has a ledger: set ONSALE_DATABASE_URL, or --database-url")
	}
	return err
}

// takeLease waits for the lease of anyone who reads the sale's stream. A ledger that runs
// keeps it: it is asked to leave it by a request in Redis, which it looks for.
func takeLease(ctx context.Context, s *stores, id sale.ID, holder interface {
	Try(context.Context) (bool, error)
}, wait time.Duration, progress func(string)) error {
	reported := false
	for deadline := time.Now().Add(wait); ; {
		if err := s.Yield(ctx, id, wait); err != nil {
			return err
		}
		held, err := holder.Try(ctx)
		if held || err != nil && ctx.Err() != nil {
			return err
		}
		if !reported {
			progress("waiting until the ledger that reads the sale leaves it to this command")
			reported = true
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("after %v another program still reads the sale's stream", wait), err)
		}
		if !pause.For(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}
