// Command ledger copies sales, orders and payments from their streams in Redis
// to PostgreSQL.
package main

import (
	"context"

	"go.uber.org/zap"

	"onsale/internal/cluster"
)

func main() {
	cluster.Main("ledger", "Copies sales, orders and payments from their streams in Redis to PostgreSQL.", run)
}

func run(ctx context.Context, config cluster.LedgerConfig, log *zap.Logger) error {
	ledger, err := cluster.NewLedger(ctx, config, log)
	if err != nil {
		return err
	}
	return ledger.Run(ctx)
}
