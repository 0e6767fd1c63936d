package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

// Shelf is Redis as far as archiving changes it.
type Shelf interface {
	Page(ctx context.Context, id sale.ID, after string, limit int) (sale.Page, error)
	// Archive removes a sale that is over and of which the ledger has this last event.
	Archive(ctx context.Context, id sale.ID, seq int64) error
}

const (
	archiveSQL = `UPDATE sales SET archived_at = now() WHERE id = $1 AND closed AND archived_at IS NULL`

	unarchiveSQL = `UPDATE sales SET archived_at = NULL WHERE id = $1`

	dueSQL = `SELECT count(*) FROM payments WHERE sale = $1 AND state = 'due'`

	overSQL = `
SELECT id FROM sales s WHERE closed AND archived_at IS NULL AND closed_changed_at < now() - $1::interval
	AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.sale = s.id AND o.state = 'held')
	AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.sale = s.id AND p.state = 'due')
ORDER BY id COLLATE "C" LIMIT 100`
)

// Archive takes a sale out of Redis: closed, without holds, without refunds that are due, and
// wholly recorded here. The ledger keeps it. The order of the steps makes a crash harmless: a
// sale that the ledger calls archived and Redis still has is archived by the next try.
//
// The error is [sale.ErrConflict] where the sale is not over yet, [sale.ErrNoSale] where the
// ledger does not have it, or of the stores.
func (s *Store) Archive(ctx context.Context, shelf Shelf, id sale.ID) error {
	chain, err := s.Chain(ctx, id)
	if err != nil {
		return err
	}
	var due int64
	if err := s.pool.QueryRow(ctx, dueSQL, id).Scan(&due); err != nil {
		return fmt.Errorf("archive: %w", classify(err))
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
	// First here: a sale that is in Redis no more and not called archived has been lost.
	if err := s.writeOne(ctx, archiveSQL, id); err != nil {
		return fmt.Errorf("archive: %w", classify(err))
	}
	if err := shelf.Archive(ctx, id, chain.Seq); err != nil {
		if errors.Is(err, sale.ErrConflict) {
			return errors.Join(err, s.writeOne(ctx, unarchiveSQL, id))
		}
		return err
	}
	return nil
}

// Over lists sales that were closed at least so long ago and can be archived, at most a
// hundred.
func (s *Store) Over(ctx context.Context, since time.Duration) ([]sale.ID, error) {
	rows, err := s.pool.Query(ctx, overSQL, since)
	if err != nil {
		return nil, fmt.Errorf("over: %w", classify(err))
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[sale.ID])
	if err != nil {
		return nil, fmt.Errorf("over: %w", classify(err))
	}
	return ids, nil
}
