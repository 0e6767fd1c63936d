package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

// How far the record goes is a row's own chain. Each transaction moves it from one mark to
// the next, and fails where it is not at the first: so no batch is recorded twice, out of
// order, or upon a record that was restored from a backup meanwhile.
const (
	chainSQL = `SELECT life, epoch, seq, link, archived_at IS NOT NULL FROM sales WHERE id = $1`

	beginChainSQL = `UPDATE sales SET life = $2, epoch = $3, seq = 0, link = $2 WHERE id = $1 AND life = '' AND epoch = 0`

	moveChainSQL = `
UPDATE sales SET epoch = $6, seq = $7, link = $8
WHERE id = $1 AND life = $2 AND epoch = $3 AND seq = $4 AND link = $5`
)

// Chain is how far the record of a sale goes. The error is [sale.ErrNoSale] where there is
// none, and [ledger.ErrAway].
func (s *Store) Chain(ctx context.Context, id sale.ID) (sale.Chain, error) {
	c, _, err := s.Position(ctx, id)
	return c, err
}

// Position is Chain, and whether the sale is archived.
func (s *Store) Position(ctx context.Context, id sale.ID) (c sale.Chain, archived bool, err error) {
	err = s.pool.QueryRow(ctx, chainSQL, id).Scan(&c.Life, &c.Epoch, &c.Seq, &c.Link, &archived)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, false, sale.ErrNoSale
	}
	if err != nil {
		return c, false, fmt.Errorf("chain of sale %s: %w", id, classify(err))
	}
	return c, archived, nil
}
