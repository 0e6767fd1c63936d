package operate

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"onsale/internal/ledger"
	"onsale/internal/sale"
)

var errNoDatabase = errors.New("a sale is archived to PostgreSQL: set ONSALE_DATABASE_URL, or --database-url")

// Archive takes a sale out of Redis that is over: the ledger keeps it. See [ledger.Archive].
func Archive(ctx context.Context, at StoreFlags, id sale.ID, log *zap.Logger) (err error) {
	if at.Database.URL == "" {
		return errNoDatabase
	}
	s, err := openStores(ctx, at, 0, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return ledger.Archive(ctx, s.ledger, s.Store, id)
}

// Over lists sales that were closed at least so long ago and can be archived.
func Over(ctx context.Context, at StoreFlags, since time.Duration, log *zap.Logger) (_ []sale.ID, err error) {
	if at.Database.URL == "" {
		return nil, errNoDatabase
	}
	s, err := openStores(ctx, at, 0, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.ledger.Over(ctx, since)
}
