package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"onsale/internal/app/settings"
	"onsale/internal/telemetry"
)

// Log is a program's log, and the level that operators may change while it runs.
type Log struct {
	*zap.Logger
	Level zap.AtomicLevel
}

// Main is the main of a program whose whole command line is one configuration:
// it parses, runs until SIGTERM or SIGINT, and exits: with 1 on an error, with 78 if the command line or a
// setting is wrong, which no other start mends. With --probe it asks
// another process, which runs with the same configuration, whether that one is ready.
func Main[Config Configuration](name, description string, run func(context.Context, Config, Log) error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := command(ctx, name, description, os.Args[1:], os.Stdout, run); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		if wrong := (*kong.ParseError)(nil); errors.As(err, &wrong) {
			os.Exit(exitConfig)
		}
		os.Exit(1)
	}
}

// flags are the command line of such a program.
type flags[Config Configuration] struct {
	Config   Config           `embed:""`
	File     settings.File    `name:"config" placeholder:"FILE" default:"${config}" env:"ONSALE_CONFIG" help:"YAML file with settings, by the names of their flags. Flags and environment variables win over it. Empty: none is read. The default one need not exist."`
	Version  kong.VersionFlag `help:"Print version and commit, and exit."`
	Probe    bool             `help:"Ask the program that runs with these settings, on this machine, whether it is ready: exits with 0 if so, else prints why not and exits with 1. For health checks, which need no shell then."`
	LogLevel string           `default:"info" enum:"debug,info,warn,error" env:"ONSALE_LOG_LEVEL" help:"debug, info, warn or error; onsale log set changes it while the program runs."`
}

// NewParser makes the parser of a program's command line, to look at what its settings come to.
func NewParser[Config Configuration](name, description string) (*kong.Kong, error) {
	return newParser(name, description, new(flags[Config]))
}

func newParser[Config Configuration](name, description string, into *flags[Config]) (*kong.Kong, error) {
	hostname, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	return kong.New(into, kong.Name(name), kong.Description(description), Values,
		kong.Vars{"hostname": hostname, "version": name + " " + Version(), "config": settings.DefaultFile(name)})
}

// exitConfig is sysexits.h's EX_CONFIG, for which the units of deploy/systemd make no second try.
const exitConfig = 78

func command[Config Configuration](ctx context.Context, name, description string, args []string, out io.Writer, run func(context.Context, Config, Log) error) error {
	var flags flags[Config]
	parser, err := newParser(name, description, &flags)
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); err != nil {
		return err
	}
	if flags.Probe {
		return probe(ctx, flags.Config.AdminAddress(), out)
	}
	log, level, err := telemetry.NewLog(flags.LogLevel, false)
	if err != nil {
		return err
	}
	if strange, _ := settings.Environment(parser.Model, os.Environ()); len(strange) > 0 {
		log.Warn("no program reads these environment variables", zap.Strings("variables", strange))
	}
	stop := supervise(ctx, flags.Config.AdminAddress(), log)
	defer stop()
	return run(ctx, flags.Config, Log{log, level})
}
