// Command onsale is the operator's tool: it runs a whole sale site on one
// machine for development, signs tokens for its buyers and pays for them, audits
// sales, and reconciles those that have lost data.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"onsale/internal/app"
)

// commands are what the tool does, each in the file of its name.
type commands struct {
	Dev       dev         `cmd:"" help:"Run a whole sale site on this machine, with a sale to buy from."`
	Token     token       `cmd:"" help:"Sign buyers' tokens for the site that dev runs, one per line."`
	Pay       pay         `cmd:"" help:"Play the payment provider: report to the site that an order was paid."`
	Audit     audit       `cmd:"" help:"Compare Redis and the ledger, of one sale or of all, to the ticket."`
	Archive   archive     `cmd:"" help:"Take sales out of Redis that are over; the ledger keeps them."`
	Reconcile reconciling `cmd:"" help:"Put a sale together again that has lost data: in Redis, in its stream, or in the ledger."`
	Version   version     `cmd:"" help:"Print version and commit."`

	Flag kong.VersionFlag `name:"version" help:"Print version and commit, and exit."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// The first Ctrl-C drains; from then on the next one ends the process at once.
	context.AfterFunc(ctx, stop)
	// A reader that has had enough, such as head, is then an error of the write
	// and not a signal that ends the process.
	signal.Ignore(syscall.SIGPIPE)
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "onsale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c commands
	parser, err := kong.New(&c, kong.Name("onsale"), kong.Writers(stdout, stderr), kong.Vars{"keys": defaultKeys(), "secrets": secretsBeside(defaultKeys()), "version": "onsale " + app.Version()},
		kong.Description("Runs, feeds and checks ticket sales."), app.Values)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w (see onsale --help)", err)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	return command.Run(newConsole(stdout, stderr))
}
