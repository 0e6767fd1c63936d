package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"onsale/internal/telemetry"
)

// Main is the main of a program whose whole command line is one configuration:
// it parses, runs until SIGTERM or SIGINT, and exits, with 1 on an error.
func Main[Config any](name, description string, run func(context.Context, Config, *zap.Logger) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := command(ctx, name, description, os.Args[1:], run); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

func command[Config any](ctx context.Context, name, description string, args []string, run func(context.Context, Config, *zap.Logger) error) error {
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	var flags struct {
		Config   Config           `embed:""`
		Version  kong.VersionFlag `help:"Print version and commit, and exit."`
		LogLevel string           `default:"info" enum:"debug,info,warn,error" env:"ONSALE_LOG_LEVEL" help:"debug, info, warn or error."`
	}
	parser, err := kong.New(&flags, kong.Name(name), kong.Description(description), kong.Vars{"hostname": hostname, "version": name + " " + Version()}, Values)
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return err
	}
	log, err := telemetry.NewLog(flags.LogLevel, false)
	if err != nil {
		return err
	}
	return run(ctx, flags.Config, log)
}
