package app

import (
	"context"

	"go.uber.org/zap"
)

// Command is command, for tests of all programs.
func Command[Config any](ctx context.Context, name, description string, args []string, run func(context.Context, Config, *zap.Logger) error) error {
	return command(ctx, name, description, args, run)
}
