package operate

import (
	"context"
	"errors"

	appledger "onsale/internal/app/ledger"
	"onsale/internal/ledger/postgres"
	"onsale/internal/sale"
)

// ErrNoDatabase is returned where the flags name no PostgreSQL.
var ErrNoDatabase = errors.New("this is read from the ledger's PostgreSQL: set ONSALE_DATABASE_URL, or --database-url")

// EachOrder calls each with every order that the ledger has of a sale, see [postgres.Store.EachOrder].
func EachOrder(ctx context.Context, at appledger.DatabaseFlags, id sale.ID, each func(postgres.OrderRow) error) error {
	return withRecords(ctx, at, func(s *postgres.Store) error { return s.EachOrder(ctx, id, each) })
}

// History reads how a sale went, see [postgres.Store.History].
func History(ctx context.Context, at appledger.DatabaseFlags, id sale.ID) (h postgres.History, err error) {
	err = withRecords(ctx, at, func(s *postgres.Store) error {
		h, err = s.History(ctx, id)
		return err
	})
	return h, err
}

// withRecords opens the ledger's records for a reader who does without Redis: a sale that is over may be in no Redis any more.
func withRecords(ctx context.Context, at appledger.DatabaseFlags, read func(*postgres.Store) error) error {
	if at.URL == "" {
		return ErrNoDatabase
	}
	s, err := postgres.Open(ctx, at.URL)
	if err != nil {
		return err
	}
	defer s.Close()
	return read(s)
}
