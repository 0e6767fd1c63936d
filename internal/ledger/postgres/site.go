package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Site is whose records a database has.
type Site struct {
	ID     string // random, of this database
	Name   string // as the operators call it
	Prefix string // of its keys in Redis
}

// Site returns whose records the database has; the zero Site where nobody's yet, or where it
// has no tables yet.
func (s *Store) Site(ctx context.Context) (Site, error) {
	rows, err := s.pool.Query(ctx, `SELECT id, name, prefix FROM site`)
	var site Site
	if err == nil {
		site, err = pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Site])
	}
	var reported *pgconn.PgError
	if errors.Is(err, pgx.ErrNoRows) || errors.As(err, &reported) && reported.Code == undefinedTable {
		return Site{}, nil
	}
	if err != nil {
		return Site{}, fmt.Errorf("site: %w", classify(err))
	}
	return site, nil
}

// PostgreSQL's codes for a table, and a column, that are not there.
const (
	undefinedTable  = "42P01"
	undefinedColumn = "42703"
)

// Claim records that the database has this site's records, unless it has somebody's already,
// and returns whose it has.
func (s *Store) Claim(ctx context.Context, site Site) (Site, error) {
	err := s.writeOne(ctx, `INSERT INTO site (id, name, prefix) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, site.ID, site.Name, site.Prefix)
	if err != nil {
		return Site{}, fmt.Errorf("site: %w", classify(err))
	}
	return s.Site(ctx)
}
