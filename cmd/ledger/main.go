// Command ledger copies sales, orders and payments from their streams in Redis
// to PostgreSQL.
package main

import (
	"context"

	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/app/ledger"
)

func main() {
	app.Main("ledger", "Copies sales, orders and payments from their streams in Redis to PostgreSQL.", run)
}

func run(ctx context.Context, config ledger.Config, log *zap.Logger) error {
	ledger, err := ledger.New(ctx, config, log)
	if err != nil {
		return err
	}
	return ledger.Run(ctx)
}
