package ledger_test

import (
	"context"

	"onsale/internal/ledger"
	"onsale/internal/ledger/postgres"
)

func init() {
	ledger.Postgres.Migrate = postgres.Migrate
	ledger.Postgres.Open = func(ctx context.Context, url string) (ledger.RealStore, error) { return postgres.Open(ctx, url) }
}
