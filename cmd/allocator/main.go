// Command allocator plans every node's share of the stock, renders Nginx's
// upstream from gossip, and serves the operators' API.
package main

import (
	"context"

	"onsale/internal/app"
	"onsale/internal/app/allocator"
)

func main() {
	app.Main("allocator", "Plans every node's share of the stock, renders Nginx's upstream, serves the operators' API.", run)
}

func run(ctx context.Context, config allocator.Config, log app.Log) error {
	allocator, err := allocator.New(config, log.Logger)
	if err != nil {
		return err
	}
	allocator.Adjustable(log.Level)
	return allocator.Run(ctx)
}
