package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

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

// RefundsDue is how many of the sale's payments are due to go back.
func (s *Store) RefundsDue(ctx context.Context, id sale.ID) (due int64, err error) {
	if err := s.pool.QueryRow(ctx, dueSQL, id).Scan(&due); err != nil {
		return 0, fmt.Errorf("archive: %w", classify(err))
	}
	return due, nil
}

// SetArchived records that a closed sale is no longer in Redis, or that it still is.
func (s *Store) SetArchived(ctx context.Context, id sale.ID, archived bool) error {
	statement := unarchiveSQL
	if archived {
		statement = archiveSQL
	}
	if err := s.writeOne(ctx, statement, id); err != nil {
		return fmt.Errorf("archive: %w", classify(err))
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
