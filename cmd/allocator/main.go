// Command allocator plans every node's share of the stock, renders Nginx's
// upstream from gossip, and serves the operators' API.
package main

import (
	"context"

	"go.uber.org/zap"

	"onsale/internal/cluster"
)

func main() {
	cluster.Main("allocator", "Plans every node's share of the stock, renders Nginx's upstream, serves the operators' API.", run)
}

func run(ctx context.Context, config cluster.AllocatorConfig, log *zap.Logger) error {
	allocator, err := cluster.NewAllocator(config, log)
	if err != nil {
		return err
	}
	return allocator.Run(ctx)
}
