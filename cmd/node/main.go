// Command node sells: it serves the buyers' API from its share of the stock.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"onsale/internal/app"
	"onsale/internal/app/node"
)

func main() {
	// Little of what a purchase allocates outlives it, and the live heap is a few
	// megabytes: collecting at twice that would spend a tenth of the processor.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	app.Main("node", "A selling node: serves the buyers' API from its share of the stock.", run)
}

func run(ctx context.Context, config node.Config, log app.Log) error {
	node, err := node.New(config, log.Logger)
	if err != nil {
		return err
	}
	node.Rest()
	node.Adjustable(log.Level)
	return node.Run(ctx)
}
