// Command onsale is the operator's tool: it calls the operators' API, audits sales, and reconciles those
// that have lost data. For development it runs a whole sale site on one machine, signs tokens for its
// buyers and pays for them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"

	"onsale/internal/app"
	"onsale/internal/app/settings"
	"onsale/internal/output"
)

// commands are what the tool does. Those of the operators' API are nouns, with verbs of their own.
type commands struct {
	Sale   sales   `cmd:"" help:"Create, list, show, change, close, reopen and restock sales, and report on them."`
	Order  orders  `cmd:"" help:"Show, refund and export orders."`
	Refund refunds `cmd:"" help:"List and settle payments that are due to go back."`
	Orphan orphans `cmd:"" help:"List and settle payments for sales that nobody knows."`
	Line   lines   `cmd:"" help:"Show the line of a sale, and record the beacon of its draw."`
	Node   nodes   `cmd:"" help:"List, drain and weigh nodes, and show what they remember."`
	Top    top     `cmd:"" help:"Show what a site does, again and again: one sale with its nodes, or all sales."`
	Log    logs    `cmd:"" help:"Show and change how much a running program logs."`
	Limits limits  `cmd:"" help:"Show and change how often buyers may ask a running node."`

	Dev       dev           `cmd:"" help:"Run a whole sale site on this machine, with a sale to buy from."`
	Plan      planning      `cmd:"" help:"Compute what a sale takes: machines, memory, network, and what breaks first."`
	Token     token         `cmd:"" help:"Sign buyers' tokens for the site that dev runs, one per line."`
	Pay       pay           `cmd:"" help:"Play the payment provider: report to the site that an order was paid."`
	Audit     audit         `cmd:"" help:"Compare Redis and the ledger, of one sale or of all, to the ticket."`
	Archive   archive       `cmd:"" help:"Take sales out of Redis that are over; the ledger keeps them."`
	Reconcile reconciling   `cmd:"" help:"Put a sale together again that has lost data: in Redis, in its stream, or in the ledger."`
	Config    configuration `cmd:"" help:"Print the settings of a program, and where each is from."`
	Version   version       `cmd:"" help:"Print version and commit."`

	Completion kongcompletion.Completion `cmd:"" help:"Print how to turn on completion in a shell."`

	File settings.File    `name:"config" placeholder:"FILE" default:"${config}" env:"ONSALE_CONFIG" help:"YAML file with settings, by the names of their flags. Flags and environment variables win over it. Empty: none is read. The default one need not exist."`
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
		fmt.Fprintln(os.Stderr, "onsale:", output.CleanLines(err.Error()))
		os.Exit(exitStatus(err))
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c commands
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		return err
	}
	kongcompletion.Register(parser) // what a shell asks for ends here
	command, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w (see onsale --help)", err)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	return command.Run(newConsole(stdout, stderr, args...))
}

func newParser(c *commands, stdout, stderr io.Writer) (*kong.Kong, error) {
	return kong.New(c, kong.Name("onsale"), kong.Writers(stdout, stderr), kong.Vars{"keys": defaultKeys(), "secrets": secretsBeside(defaultKeys()), "version": "onsale " + app.Version(), "config": settings.DefaultFile("onsale")},
		kong.Description("Operates, audits and reconciles ticket sales. Exit status: 0 done, 1 refused or failed, 2 usage, 3 the outcome is unknown: run it again."), app.Values)
}
