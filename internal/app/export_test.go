package app

import (
	"context"
	"io"
)

// Command is command, for tests of all programs.
func Command[Config Configuration](ctx context.Context, name, description string, args []string, out io.Writer, run func(context.Context, Config, Log) error) error {
	return command(ctx, name, description, args, out, run)
}

// Watchdog is watchdog.
var Watchdog = watchdog
