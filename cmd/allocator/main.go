// Command allocator plans every node's share of the stock, renders Nginx's
// upstream from gossip, and serves the operators' API.
package main

import (
	"context"

	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/app/allocator"
)

func main() {
	app.Main("allocator", "Plans every node's share of the stock, renders Nginx's upstream, serves the operators' API.", run)
}

func run(ctx context.Context, config allocator.Config, log *zap.Logger) error {
	allocator, err := allocator.New(config, log)
	if err != nil {
		return err
	}
	return allocator.Run(ctx)
}
