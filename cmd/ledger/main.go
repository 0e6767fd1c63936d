// Command ledger copies sales, orders and payments from their streams in Redis
// to PostgreSQL.
package main

import (
	"context"

	"onsale/internal/app"
	"onsale/internal/app/ledger"
)

func main() {
	app.Main("ledger", "Copies sales, orders and payments from their streams in Redis to PostgreSQL.", run)
}

func run(ctx context.Context, config ledger.Config, log app.Log) error {
	ledger, err := ledger.New(ctx, config, log.Logger)
	if err != nil {
		return err
	}
	ledger.Adjustable(log.Level)
	return ledger.Run(ctx)
}
