package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"onsale/internal/testbed"
)

// failover sells through a site whose Redis has replicas and Sentinels, takes the
// master away in every way that there is, and counts acknowledged orders that are
// lost and tickets that are sold twice.
type failover struct {
	Rounds   int           `default:"20" help:"Rounds of each kind, each with a sale of its own."`
	Replicas []int         `default:"0,1" help:"Replicas that have to have an order before its buyer is answered (--redis-replicas of the nodes); Redis has one more of them than that."`
	Kinds    []string      `default:"killed,stopped,cut,planned,emptied" help:"What happens to the master: killed; stopped (SIGSTOP) until another is promoted; cut off from the other servers, but not from the nodes; a planned failover; killed and restarted at once without its data (emptied)."`
	Tickets  int           `default:"3000" help:"Tickets of each round's sale."`
	Rate     float64       `default:"500" help:"Buyers a second."`
	Clients  int           `default:"64" help:"Buyers at the same time."`
	Nodes    int           `default:"2" help:"Selling nodes."`
	Cost     time.Duration `default:"5s" help:"How long to measure throughput and latency without any fault, as fast as buyers are answered; 0: not at all."`
	output   `embed:""`
	Binaries string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	begun func() // called when the first buyer of the first round comes, for tests; may be nil
}

// failoverResult is what came out.
type failoverResult struct {
	outcome
	Records []string      `json:"records"` // which the union is made of
	Rows    []failoverRow `json:"rows"`
	Cost    []waitCost    `json:"cost"`
}

// failoverRow is all rounds of one kind. An acknowledged order is one whose buyer
// was answered 201, or 200 where the first answer was lost.
type failoverRow struct {
	Kind     string  `json:"kind"`
	Replicas int     `json:"replicas"` // to wait for
	Rounds   []round `json:"rounds"`
}

// waitCost is what waiting for replicas costs.
type waitCost struct {
	Replicas int       `json:"replicas"`
	Rate     float64   `json:"holds_a_second"`
	Millis   quantiles `json:"latency_ms"`
}

// failoverRecords are what this command can read. Nodes keep no memory of their holds yet.
var failoverRecords = []string{"redis", "ledger"}

// failoverMaxReplicas is as many as anybody waits for.
const failoverMaxReplicas = 4

// Validate reports every fault at once, or nil.
func (f *failover) Validate() error {
	var w wants
	w.positive("--rounds", f.Rounds)
	for _, n := range f.Replicas {
		w.that(n >= 0 && n <= failoverMaxReplicas, "--replicas", n, fmt.Sprintf("0 to %d", failoverMaxReplicas))
	}
	for _, kind := range f.Kinds {
		_, known := masterFaults[kind]
		w.that(known, "--kinds", kind, "some of killed, stopped, cut, planned and emptied")
	}
	w.positive("--tickets", f.Tickets)
	w.that(f.Rate > 0 && f.Rate <= maxRatePerSecond, "--rate", f.Rate, fmt.Sprintf("more than 0 buyers a second, and at most %d", maxRatePerSecond))
	w.positive("--clients", f.Clients)
	w.positive("--nodes", f.Nodes)
	w.that(f.Cost >= 0, "--cost", f.Cost, "a time that is not negative")
	w.programs(f.Binaries)
	return errors.Join(w...)
}

// Run makes the rounds on one site for each number of replicas, and prints what it
// has also where it is interrupted.
func (f *failover) Run(ctx context.Context) error {
	if err := f.prepare(); err != nil {
		return err
	}
	r := &failoverResult{outcome: newOutcome(ctx), Records: failoverRecords}
	binaries, remove, err := built(ctx, f.Binaries)
	if err != nil {
		return err
	}
	defer remove()
	for _, replicas := range f.Replicas {
		if err = f.at(ctx, replicas, binaries, r); err != nil || ctx.Err() != nil {
			break
		}
	}
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		r.Unshown = nil // it was not given the time
	}
	r.judge()
	return f.conclude(r, err)
}

// at makes all rounds with so many replicas to wait for.
func (f *failover) at(ctx context.Context, replicas int, binaries string, r *failoverResult) (err error) {
	o := testbed.Options{
		Nodes: f.Nodes, Allocators: 1, Ledgers: 1, Topology: testbed.Sentinels, RedisReplicas: replicas + 1,
		Binaries: binaries, NodeArgs: []string{"--drain-delay", "0s"}, Progress: logLine,
	}
	if replicas > 0 {
		o.WaitReplicas = replicas
		o.RedisArgs = []string{"--min-replicas-to-write", strconv.Itoa(replicas)}
	}
	c, err := testbed.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { closed(c.Close()) }()
	s, err := f.openRecords(ctx, c)
	if err != nil {
		return err
	}
	defer s.close()
	if f.Cost > 0 {
		cost, err := f.cost(ctx, c, replicas)
		if err != nil || ctx.Err() != nil {
			return err
		}
		r.Cost = append(r.Cost, cost)
	}
	for n := range f.Rounds {
		for _, kind := range f.Kinds {
			i := slices.IndexFunc(r.Rows, func(row failoverRow) bool { return row.Kind == kind && row.Replicas == replicas })
			if i < 0 {
				i, r.Rows = len(r.Rows), append(r.Rows, failoverRow{Kind: kind, Replicas: replicas})
			}
			got, err := f.round(ctx, c, s, kind, fmt.Sprintf("%s-%d-%d", kind, replicas, n))
			if got != nil {
				r.Rows[i].Rounds = append(r.Rows[i].Rounds, *got)
			}
			if err != nil || ctx.Err() != nil {
				return err
			}
		}
	}
	return nil
}

// cost has buyers come as fast as they are answered, and nothing happens to Redis.
func (f *failover) cost(ctx context.Context, c *testbed.Site, replicas int) (waitCost, error) {
	id := fmt.Sprintf("cost-%d", replicas)
	if err := openRound(ctx, c, id, 1_000_000); err != nil {
		return waitCost{}, err
	}
	b := newRoundBuyers(c, id, 0)
	begin := time.Now()
	selling, stop := context.WithTimeout(ctx, f.Cost)
	defer stop()
	b.run(selling, f.Clients)
	return waitCost{replicas, float64(len(b.acks)) / time.Since(begin).Seconds(), millisAt(b.latency)}, nil
}
