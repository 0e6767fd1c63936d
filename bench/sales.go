package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"onsale/bench/report"
	"onsale/internal/testbed"
)

// sales keeps a site of thousands of sales, of which a few sell, and measures what it costs.
type sales struct {
	Sales     int           `default:"5000" help:"Sales that are created."`
	Hot       int           `default:"5" help:"Of these, so many sell while the others idle."`
	Nodes     int           `default:"5" help:"Selling nodes."`
	Creators  int           `default:"16" help:"Creations at the same time; each waits until the ledger has recorded its sale."`
	Rate      float64       `default:"100" help:"Purchases a second while it sells, over all hot sales."`
	For       time.Duration `default:"20s" help:"How long it idles, and how long it sells, for the measurement."`
	Settle    time.Duration `default:"65s" help:"How long nothing happens before it idles, so that every sale is cold and has had its turn. Nodes look at 100 of them a second: with more than 5,000 sales, raise it."`
	Openings  int           `default:"5" help:"Sales that are opened then, each timed until every node sells it."`
	Returns   int           `default:"3" help:"Sold-out cold sales to which a ticket returns, each timed until it is on sale through Nginx."`
	RedisMost float64       `default:"5" help:"Percent of a core that Redis may take while all sales idle."`
	NodeMost  float64       `default:"1" help:"The same of a node."`
	output    `embed:""`
	Binaries  string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
}

// salesResult is what came out.
type salesResult struct {
	outcome

	Created       int                `json:"created"`
	CreateSeconds float64            `json:"create_seconds"`
	Slowest       float64            `json:"slowest_creation_seconds"`
	Ready         float64            `json:"node_ready_seconds"`        // of a node that starts among all sales
	Idle          map[string]float64 `json:"idle_percent_of_a_core"`    // by kind of process, all of the kind; "node" is one of them
	Selling       map[string]float64 `json:"selling_percent_of_a_core"` // the same while the hot ones sell
	IdleLog       int                `json:"idle_log_lines"`            // that all programs wrote while nothing happened
	SellingLog    int                `json:"selling_log_lines"`
	Bought        int                `json:"bought"`
	Answers       map[string]int     `json:"answers"`          // to purchases, by status
	Opened        []float64          `json:"opened_seconds"`   // from a creation's answer until every node has sold a ticket
	Returned      []float64          `json:"returned_seconds"` // from a cancellation's answer until the ticket is sold again
}

// What a sale that an operator opens, and a ticket that returns to a sold-out one, may take. P4
// allows "sold out" to be three seconds old.
const (
	maxOpenedSeconds   = 1.0
	maxReturnedSeconds = 3.0
)

// Validate reports every fault at once, or nil.
func (s *sales) Validate() error {
	var w wants
	w.positive("--sales", s.Sales)
	w.that(s.Hot >= 1 && s.Hot <= s.Sales, "--hot", s.Hot, "at least 1, and at most as many as --sales")
	w.positive("--nodes", s.Nodes)
	w.that(s.Creators >= 1 && s.Creators <= 64, "--creators", s.Creators, "1 to 64")
	w.that(s.Rate > 0 && s.Rate <= maxRatePerSecond, "--rate", s.Rate, fmt.Sprintf("more than 0 purchases a second, and at most %d", maxRatePerSecond))
	w.that(s.For >= time.Second, "--for", s.For, "at least 1s")
	w.that(s.Settle >= 0, "--settle", s.Settle, "not less than 0")
	w.that(s.Openings >= 0, "--openings", s.Openings, "0 or more")
	w.that(s.Returns >= 0, "--returns", s.Returns, "0 or more")
	w.that(s.RedisMost > 0, "--redis-most", s.RedisMost, "more than 0 percent")
	w.that(s.NodeMost > 0, "--node-most", s.NodeMost, "more than 0 percent")
	w.programs(s.Binaries)
	return errors.Join(w...)
}

// Run measures, and judges what it measured.
func (s *sales) Run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	origin := newOutcome(ctx)
	c, err := testbed.Start(ctx, testbed.Options{Nodes: s.Nodes, Allocators: 2, Ledgers: 1, Binaries: s.Binaries, Progress: logLine})
	if err != nil {
		return err
	}
	m := newMarket(s, c, origin)
	err = m.run(ctx)
	closed(c.Close())
	m.result.Interrupted = ctx.Err() != nil
	if m.result.Interrupted {
		err = nil
	} else {
		s.judge(m.result)
	}
	return s.conclude(m.result, err)
}

func (r *salesResult) show() report.Sheet {
	t := report.Table{Head: []string{"what", "figure"}}
	t.Add("sales created", fmt.Sprintf("%d in %.0f s, the slowest in %.2f s", r.Created, r.CreateSeconds, r.Slowest))
	t.Add("a node that starts among them is ready after", fmt.Sprintf("%.2f s", r.Ready))
	t.Add("bought", fmt.Sprintf("%d, answers %v", r.Bought, r.Answers))
	t.Add("new sales sold by every node after, s", fmt.Sprintf("%.2f", r.Opened))
	t.Add("returned tickets on sale after, s", fmt.Sprintf("%.2f", r.Returned))
	t.Add("log lines, idle and selling", fmt.Sprintf("%d, %d", r.IdleLog, r.SellingLog))
	cpu := report.Table{Head: []string{"% of a core", "idle", "selling"}}
	for _, kind := range slices.Sorted(maps.Keys(r.Idle)) {
		cpu.Add(kind, fmt.Sprintf("%.1f", r.Idle[kind]), fmt.Sprintf("%.1f", r.Selling[kind]))
	}
	return r.sheet("Many sales, of which a few sell", t, cpu)
}

// judge puts the figures beside what they may be.
func (s *sales) judge(r *salesResult) {
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
		}
	}
	fault(r.Created == s.Sales, "%d of %d sales were created", r.Created, s.Sales)
	fault(r.Idle["redis"] <= s.RedisMost, "Redis takes %.2f %% of a core while all sales idle, more than %.1f %%", r.Idle["redis"], s.RedisMost)
	fault(r.Idle["node"] <= s.NodeMost, "a node takes %.2f %% of a core while all sales idle, more than %.1f %%", r.Idle["node"], s.NodeMost)
	fault(r.IdleLog == 0, "%d lines were logged while nothing happened", r.IdleLog)
	for answer, n := range r.Answers {
		// 200: the claim was sent again, as Redis had stalled for longer than a call may take. Each purchase is another buyer's.
		fault(answer == "201" || answer == "200", "%d purchases were answered %s", n, answer)
	}
	for _, took := range r.Opened {
		fault(took <= maxOpenedSeconds, "a new sale sold everywhere after %.2f s, more than %.0f s", took, maxOpenedSeconds)
	}
	for _, took := range r.Returned {
		fault(took <= maxReturnedSeconds, "a returned ticket was on sale after %.2f s, more than %.0f s", took, maxReturnedSeconds)
	}
	if r.Bought == 0 {
		r.Unshown = append(r.Unshown, "nothing was bought: use a longer --for, or a higher --rate")
	}
}
