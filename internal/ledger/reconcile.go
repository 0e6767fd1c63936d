package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// Stock is Redis as far as a reconciliation reads and changes it.
type Stock interface {
	Page(ctx context.Context, id sale.ID, after string, limit int) (sale.Page, error)
	Shut(ctx context.Context, id sale.ID, why string) error
	// Snapshot is all that Redis holds of the sale at one instant.
	Snapshot(ctx context.Context, id sale.ID) (sale.Snapshot, error)
	// Former is the same of a sale that an earlier version of onsale wrote.
	Former(ctx context.Context, id sale.ID) (sale.Snapshot, error)
	// Adopt puts records in the place of whatever Redis has of the sale, all at once. It
	// changes nothing and returns sale.ErrStale where that is no longer as it was read.
	Adopt(ctx context.Context, id sale.ID, a sale.Adoption) error
	// Time is Redis time.
	Time(ctx context.Context) (sale.Instant, error)
}

// Record is the ledger as far as a reconciliation reads and changes it; package postgres has one.
type Record interface {
	Chain(ctx context.Context, id sale.ID) (sale.Chain, error)
	Book(ctx context.Context, id sale.ID) (sale.Book, error)
	Unite(ctx context.Context, id sale.ID, token sale.Generation, u Union) error
}

// Memory is what nodes remember of the holds that they acknowledged.
type Memory interface {
	// Holds asks every node. The error names those that run and did not answer: what they
	// alone remember is missing then.
	Holds(ctx context.Context, id sale.ID) (holds []reconcile.Hold, seen []sale.Mark, err error)
}

// ErrDecisionNeeded is returned by [Reconciler.Run] if an operator has to decide first; the
// plan names the cases.
var ErrDecisionNeeded = errors.New("something has to be decided before the sale can be reconciled")

// ErrWhole is returned by [Reconciler.Run] if the sale has lost nothing.
var ErrWhole = errors.New("there is nothing to reconcile: Redis and the ledger agree")

// Reconciler puts a sale together again after Redis, its stream or the ledger's database
// has lost data.
//
// The steps, each of which may be the last one before a crash:
//
//  1. The sale is shut, so that nothing of it changes but by a reconciliation.
//  2. Redis, the ledger and the nodes' memory are read.
//  3. [reconcile.Make] merges them, and names what has to be decided.
//  4. One transaction writes the union to the ledger, with the epoch that will be.
//  5. The sale's keys are built in Redis under names of their own.
//  6. One script puts them in place, if Redis is still as it was read.
//  7. The ledger's reader commits the event that the script has written, and the sale sells.
//
// After a crash before 6 all begins anew, with the ledger's record holding what was decided;
// after it the reader goes on with 7.
type Reconciler struct {
	Stock  Stock
	Store  Record // nil: the site has no ledger
	Memory Memory
	Cfg    Config
}

// Reconciliation is what [Reconciler.Run] is to do.
type Reconciliation struct {
	Decisions reconcile.Decisions
	// Token is that of the sale's lease, which the caller holds.
	Token sale.Generation
	// DryRun ends with the plan. It shuts nothing, so that of a sale that sells it shows an
	// instant that is past.
	DryRun bool
	// Force reconciles a sale that nobody has found to have lost anything.
	Force bool
	// WithoutNodes goes on although a node that runs does not answer: what it alone remembers
	// is lost.
	WithoutNodes bool
	// Progress, if set, is called with each step as text.
	Progress func(string)
}

func (r Reconciliation) report(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}

// Run reconciles one sale. It returns the plan, also with [ErrDecisionNeeded], after a dry run,
// and with [ErrWhole] unless forced. Other errors are those of the stores: nothing that was
// acknowledged is lost by them, and Run may be called again.
func (r *Reconciler) Run(ctx context.Context, id sale.ID, o Reconciliation) (plan reconcile.Plan, err error) {
	for range 3 {
		if plan, err = r.try(ctx, id, o); !errors.Is(err, sale.ErrStale) {
			break
		}
		o.report("the sale changed meanwhile; reading it again")
	}
	if err != nil {
		return plan, fmt.Errorf("reconcile sale %s: %w", id, err)
	}
	return plan, nil
}

func (r *Reconciler) try(ctx context.Context, id sale.ID, o Reconciliation) (reconcile.Plan, error) {
	in, was, err := r.read(ctx, id, o)
	if err != nil {
		return reconcile.Plan{}, err
	}
	o.report("merging what was read")
	plan, err := reconcile.Make(in, o.Decisions)
	if err != nil || o.DryRun {
		return plan, err
	}
	if len(plan.DecisionsNeeded()) > 0 {
		return plan, ErrDecisionNeeded
	}
	if plan.Life == "" { // of an earlier version
		plan.Life = rand.Text()
		// A program that has seen a first epoch under this id has seen another sale.
		plan.Epoch = max(plan.Epoch, 2)
	}
	fence := uuid.NewString()
	base := sale.Chain{Life: plan.Life, Mark: sale.Mark{Epoch: plan.Epoch, Seq: furthest(in), Link: plan.Life}}
	if r.Store != nil {
		o.report("writing %d orders and %d payments to the ledger", len(plan.Records.Orders), len(plan.Records.Payments))
		u := Union{Records: plan.Records, Chain: base, Fence: fence, Plan: plan.String(), At: in.Now}
		if in.Ledger != nil {
			u.Before, u.Was = in.Ledger.Records, in.Ledger.Chain
		}
		if err := r.Store.Unite(ctx, id, o.Token, u); err != nil {
			return plan, err
		}
	}
	o.report("building the sale in Redis")
	var redis sale.Records
	if in.Redis != nil {
		redis = in.Redis.Records
	}
	return plan, r.Stock.Adopt(ctx, id, sale.Adoption{
		Was: was, Fence: fence, Records: plan.Records, Places: Lacking(plan.Records, redis), Chain: base, Ledger: r.Store != nil,
	})
}

// furthest is the last event that anybody has or has seen.
func furthest(in reconcile.Input) (seq int64) {
	for _, s := range []*reconcile.Side{in.Redis, in.Ledger} {
		if s != nil {
			seq = max(seq, s.Chain.Seq)
		}
	}
	for _, m := range in.Seen {
		seq = max(seq, m.Seq)
	}
	return seq
}

// read shuts the sale and reads all that is left of it.
func (r *Reconciler) read(ctx context.Context, id sale.ID, o Reconciliation) (in reconcile.Input, was sale.RedisState, err error) {
	if in.Now, err = r.Stock.Time(ctx); err != nil {
		return in, was, err
	}
	if in.Ledger, err = r.ledgerSide(ctx, id, o); err != nil {
		return in, was, err
	}
	var witness sale.Mark
	if in.Redis, was, witness, err = r.redisSide(ctx, id, in.Ledger, o); err != nil {
		return in, was, err
	}
	if witness.Seq > 0 {
		in.Seen = append(in.Seen, witness)
	}
	if in.Ledger == nil && in.Redis == nil {
		return in, was, fmt.Errorf("neither Redis nor the ledger has it: %w", sale.ErrNoSale)
	}
	if r.Memory == nil {
		return in, was, nil
	}
	o.report("asking the nodes what they remember")
	holds, seen, err := r.Memory.Holds(ctx, id)
	in.Holds, in.Seen = holds, append(in.Seen, seen...)
	if err != nil && !o.WithoutNodes && !o.DryRun {
		return in, was, fmt.Errorf("a node that runs does not answer, and may remember holds that no record has: %w", err)
	}
	return in, was, nil
}

func (r *Reconciler) ledgerSide(ctx context.Context, id sale.ID, o Reconciliation) (*reconcile.Side, error) {
	if r.Store == nil {
		return nil, nil
	}
	chain, err := r.Store.Chain(ctx, id)
	if errors.Is(err, sale.ErrNoSale) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.report("reading the ledger")
	book, err := r.Store.Book(ctx, id)
	if err != nil {
		return nil, err
	}
	return &reconcile.Side{Records: book.Records, Chain: chain}, nil
}

// redisSide is what Redis has of the sale, which is shut, and what somebody has seen beyond.
func (r *Reconciler) redisSide(ctx context.Context, id sale.ID, ledger *reconcile.Side, o Reconciliation) (side *reconcile.Side, was sale.RedisState, witness sale.Mark, err error) {
	p, err := r.Stock.Page(ctx, id, "", r.Cfg.Entries)
	switch {
	case errors.Is(err, sale.ErrNoSale):
		return nil, sale.NotInRedis, witness, nil
	case errors.Is(err, sale.ErrLost): // of another layout
		o.report("reading what an earlier version has left in Redis")
		v, err := r.Stock.Former(ctx, id)
		side := sideOf(&v, ledger)
		side.Selling = true
		if ledger != nil { // which has a life if this was reconciled up to the last step
			side.Chain.Life = ledger.Chain.Life
		}
		// The ledger, which had no chain either, has what came out of this stream.
		side.LinkAt = func(seq int64) (string, bool) { return "", seq == 0 }
		return side, sale.OldLayout, witness, err
	case err != nil:
		return nil, "", witness, err
	}
	if p.Lost == "" && !o.DryRun {
		why := r.difference(ctx, id, ledger, p)
		if why != nil && !errors.Is(why, sale.ErrLost) {
			return nil, "", witness, why // it could not be found out
		}
		if why == nil && !o.Force {
			return nil, "", witness, ErrWhole
		}
		reason := "an operator reconciles it"
		if why != nil {
			reason = why.Error()
		}
		if err := r.Stock.Shut(ctx, id, reason); err != nil {
			return nil, "", witness, err
		}
	}
	o.report("reading Redis")
	v, err := r.Stock.Snapshot(ctx, id)
	if err != nil {
		return nil, "", witness, err
	}
	return sideOf(&v, ledger), sale.ShutAt(v.Chain.Mark), v.Witness, nil
}

// difference is what a reader of the stream would find, a [sale.ErrLost]. Where nobody reads
// the stream there is nothing to compare.
func (r *Reconciler) difference(ctx context.Context, id sale.ID, ledger *reconcile.Side, p sale.Page) error {
	if r.Store == nil {
		return nil
	}
	var chain sale.Chain
	if ledger != nil {
		chain = ledger.Chain
	}
	for {
		whole := len(p.Events) < r.Cfg.Entries
		if ledger == nil && chain.Life == "" {
			var err error
			if chain, err = first(p); err != nil {
				return err
			}
		}
		_, to, err := follow(chain, p, whole)
		if err != nil || whole {
			return err
		}
		chain = to
		if p, err = r.Stock.Page(ctx, id, p.Events[len(p.Events)-1].ID, r.Cfg.Entries); err != nil {
			return err
		}
	}
}

// sideOf is Redis's record for a merge. A sale that sells only once a ledger has recorded it,
// and which none has, has sold nothing.
func sideOf(v *sale.Snapshot, ledger *reconcile.Side) *reconcile.Side {
	return &reconcile.Side{
		Records: v.Records, Chain: v.Chain, Read: v.Read, LinkAt: v.LinkAt,
		Selling: ledger == nil || v.Read > 0 || len(v.Orders) > 0 || v.Chain.Epoch > 1 || v.Chain.Life == ledger.Chain.Life,
	}
}
