// Command bench measures onsale on real processes, and audits every run: a
// number counts only if no promise was broken while it was measured.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"onsale/bench/generator"
	"onsale/internal/app"
)

// cli are the commands. The hidden ones are the processes that the others start, and what make compose-test runs.
type cli struct {
	Headline    headline     `cmd:"" help:"Sell a whole sale through Nginx while nodes die, and audit it."`
	Orders      orders       `cmd:"" help:"Pay, cancel, expire and refund orders while ledgers and PostgreSQL die, and compare all records."`
	Failover    failover     `cmd:"" help:"Take the Redis master away in every way that there is, under Sentinels, and count what was acknowledged and is lost."`
	Compare     compare      `cmd:"" help:"Sell by every strategy that everybody argues about, side by side, audited."`
	Operate     operating    `cmd:"" help:"Change nodes and Nginx in every way that operators do, while a site sells at half of what it can, and count the requests that fail."`
	Scale       scale        `cmd:"" help:"Sell the same sale over 1 to 100 nodes, and fit how costs grow."`
	Soak        soak         `cmd:"" help:"Keep a site busy for long, while its parts die one after the other."`
	Connections connections  `cmd:"" help:"Hold many idle buyers open against one node, and then sell through them."`
	Idlers      idlers       `cmd:"" hidden:"" help:"Those buyers, as a process of its own."`
	Idle        idle         `cmd:"" help:"Keep a site that nobody asks, measure what it takes, and kill nodes to see how soon all others know."`
	Ratios      ratios       `cmd:"" help:"CPU per answer against a bare fasthttp server, and group commit against one call a claim."`
	Metrics     metricsCost  `cmd:"" help:"CPU per answer of a node that measures what it does against the same one when it does not."`
	Node        switchedNode `cmd:"" hidden:"" help:"Such a node, as a process of its own."`
	Redis       redisCost    `cmd:"" help:"What a claim costs Redis and an order takes of its memory, beside an earlier version's."`
	Million     million      `cmd:"" help:"Sell a large sale, audited all the while, lose a part of it and get it back, and archive it: seconds, memory, and the longest call of Redis."`
	Refunds     refunds      `cmd:"" help:"What buyers notice of an operator who pages through hundreds of thousands of refunds of a sale that sells."`
	Auditing    auditing     `cmd:"" hidden:"" help:"One audit, as a process of its own."`
	Sales       sales        `cmd:"" help:"Keep thousands of sales, of which a few sell, and measure what the idle ones cost."`
	Line        lineRun      `cmd:"" help:"Have a crowd join a line while nodes and Redis are killed, be drawn, buy in turn, and give tickets back."`
	Flood       slowClients  `cmd:"" help:"Have slow clients of one address take all connections of Nginx that they get, and measure what buyers notice; as root."`
	Overload    overload     `cmd:"" help:"Send one node 1, 2 and 5 times as many purchases as it can sell, and count those sold in time."`
	Waiting     waiting      `cmd:"" help:"Ask for the documents of sales as often as a million pages that wait in a line, and count what of that reaches the nodes."`
	Edge        edge         `cmd:"" help:"What Nginx takes: processor time for an answer and a TLS handshake, memory for a connection, and bytes on the wire."`
	FirstTicket firstTicket  `cmd:"" help:"Clone this repository, start it without a build cache, and buy a ticket in Chromium: the seconds of each step."`
	Flooded     flooded      `cmd:"" hidden:"" help:"The same, in its network namespace."`
	Slowly      slowly       `cmd:"" hidden:"" help:"The slow clients, as a process of its own."`
	Stack       stack        `cmd:"" hidden:"" help:"Bring docker-compose.yml up on a Docker engine without a registry, sell through it, scale and break it meanwhile, and audit it."`
	Bare        bare         `cmd:"" hidden:"" help:"A bare fasthttp server that sends one fixed answer."`
	Serve       serve        `cmd:"" hidden:"" help:"One strategy behind the buyers' routes, as a process of its own."`

	Generate generator.Command `cmd:"" hidden:"" help:"Purchases sent as cheaply as can be, as a process of its own."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var c cli
	hostname, err := os.Hostname()
	if err != nil {
		return err
	}
	parser, err := kong.New(&c, kong.Name("bench"), kong.Vars{"hostname": hostname},
		kong.Description("Measures onsale on real processes, and audits every run."), app.Values)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w (see bench --help)", err)
	}
	command.BindTo(ctx, (*context.Context)(nil))
	return command.Run()
}
