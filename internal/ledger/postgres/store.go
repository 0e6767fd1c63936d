package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/sale"
	"onsale/internal/throttle"
)

// Store is the record in PostgreSQL. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	// Rest is how long a book that is read rests after each piece. Set it before use.
	Rest throttle.Rest
}

// Open makes a store of the database that the URL names; the URL may also set the pool's
// size (pool_max_conns). It does not wait for PostgreSQL, which may be away: the only error
// is that of a URL which can't be read, or has a setting with which a ledger doesn't work.
func Open(ctx context.Context, url string) (*Store, error) {
	config, err := parse(url)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", classify(err))
	}
	return &Store{pool: pool}, nil
}

// Close ends all connections. It may be called twice.
func (s *Store) Close() { s.pool.Close() }

// Ping succeeds where PostgreSQL answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("ping: %w", classify(err))
	}
	return nil
}

// Sales lists every sale that the ledger knows, sorted by id.
func (s *Store) Sales(ctx context.Context) ([]sale.ID, error) {
	rows, err := s.pool.Query(ctx, `SELECT id FROM sales ORDER BY id COLLATE "C"`)
	if err != nil {
		return nil, fmt.Errorf("sales: %w", classify(err))
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[sale.ID])
	if err != nil {
		return nil, fmt.Errorf("sales: %w", classify(err))
	}
	return ids, nil
}

// Selling returns how far the record goes of every sale that the ledger knows and that is not
// archived.
func (s *Store) Selling(ctx context.Context) (map[sale.ID]sale.Chain, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, life, epoch, seq, link FROM sales WHERE archived_at IS NULL`)
	if err != nil {
		return nil, fmt.Errorf("sales: %w", classify(err))
	}
	selling := map[sale.ID]sale.Chain{}
	var id sale.ID
	var c sale.Chain
	_, err = pgx.ForEachRow(rows, []any{&id, &c.Life, &c.Epoch, &c.Seq, &c.Link}, func() error {
		selling[id] = c
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sales: %w", classify(err))
	}
	return selling, nil
}
