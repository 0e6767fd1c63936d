package ledger

import (
	"context"
	"errors"

	"onsale/internal/sale"
)

// Shelf is Redis as far as archiving changes it.
type Shelf interface {
	Page(ctx context.Context, id sale.ID, after string, limit int) (sale.Page, error)
	// Archive removes a sale that is over and of which the ledger has this last event.
	Archive(ctx context.Context, id sale.ID, seq int64) error
}

// Archived is the record as far as archiving reads and changes it; package postgres has one.
type Archived interface {
	// Chain is how far the record goes.
	Chain(ctx context.Context, id sale.ID) (sale.Chain, error)
	// RefundsDue is how many of the sale's payments are due to go back.
	RefundsDue(ctx context.Context, id sale.ID) (int64, error)
	// SetArchived records that a closed sale is no longer in Redis, or that it still is.
	SetArchived(ctx context.Context, id sale.ID, archived bool) error
}

// Archive takes a sale out of Redis: closed, without holds, without refunds that are due, and
// wholly recorded. The ledger keeps it. The order of the steps makes a crash harmless: a
// sale that the ledger calls archived and Redis still has is archived by the next try.
//
// The error is [sale.ErrConflict] where the sale is not over yet, [sale.ErrNoSale] where the
// ledger does not have it, or of the stores.
func Archive(ctx context.Context, record Archived, shelf Shelf, id sale.ID) error {
	chain, err := record.Chain(ctx, id)
	if err != nil {
		return err
	}
	due, err := record.RefundsDue(ctx, id)
	if err != nil {
		return err
	}
	if due > 0 {
		return sale.Conflict("sale %s has %d refunds that are due: settle them first", id, due)
	}
	p, err := shelf.Page(ctx, id, "", 0)
	switch {
	case errors.Is(err, sale.ErrNoSale): // an earlier try has come so far
	case err != nil:
		return err
	case p.Lost != "" || p.Chain != chain:
		return sale.Conflict("the ledger and Redis do not agree about sale %s: wait until the ledger has recorded all of it", id)
	}
	// First in the record: a sale that is in Redis no more and not called archived has been lost.
	if err := record.SetArchived(ctx, id, true); err != nil {
		return err
	}
	if err := shelf.Archive(ctx, id, chain.Seq); err != nil {
		if errors.Is(err, sale.ErrConflict) {
			return errors.Join(err, record.SetArchived(ctx, id, false))
		}
		return err
	}
	return nil
}
