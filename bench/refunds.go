package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/internal/testbed"
)

// refunds fills a sale with payments that are due to go back, and measures what buyers
// notice of an operator who pages through all of them while it sells.
type refunds struct {
	Payments    int           `default:"300000" help:"Payments of the sale, all of them refunds that are due."`
	Pairs       int           `default:"25" help:"Turns with the operator and without, each."`
	Turn        time.Duration `default:"6s" help:"How long a turn takes. Raised, what the disk does meanwhile weighs more in the ratio of a pair; lowered, a turn's p99 is of fewer buyers."`
	Rate        float64       `default:"500" help:"Purchases a second, each due on schedule."`
	Connections int           `default:"64" help:"Connections of the buyers."`
	Page        int           `default:"100" help:"Refunds on a page, at most 1000."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	begun func() // called when the first ticket is about to be sold, for tests; may be nil
}

const refundsSale = "refunds"

// refundsResult is what came out.
type refundsResult struct {
	outcome
	Favoured bool `json:"redis_has_precedence"` // over all other processes, so that its calls take their own time

	Payments int       `json:"payments"`
	Filling  float64   `json:"seconds_to_fill"`
	Bought   int       `json:"bought"` // in turns
	Without  []float64 `json:"p99_ms_without_operator"`
	With     []float64 `json:"p99_ms_with_operator"`
	Ratio    *ratio    `json:"ratio,omitempty"`
	Walks    []walk    `json:"walks"` // of turns with the operator
	Turns    *stretch  `json:"turns,omitempty"`
}

// walk is what an operator read in one turn, page after page and from the first page again.
type walk struct {
	Whole   int     `json:"whole_lists"`
	Pages   int     `json:"pages"`
	Seconds float64 `json:"seconds"`
	Slowest float64 `json:"slowest_page_ms"`
}

// Validate reports every fault at once, or nil.
func (f *refunds) Validate() error {
	var w wants
	w.positive("--payments", f.Payments)
	w.positive("--pairs", f.Pairs)
	w.that(f.Turn > 0, "--turn", f.Turn, "more than 0")
	w.that(f.Rate > 0 && f.Rate <= maxRatePerSecond, "--rate", f.Rate, fmt.Sprintf("more than 0 purchases a second, and at most %d", maxRatePerSecond))
	w.that(f.Connections >= 1 && f.Connections <= generator.MaxConnections, "--connections", f.Connections, fmt.Sprintf("1 to %d", generator.MaxConnections))
	w.that(f.Page >= 1 && f.Page <= 1000, "--page", f.Page, "1 to 1000")
	w.programs(f.Binaries)
	return errors.Join(w...)
}

// Run measures, and prints what it has also where it is interrupted.
func (f *refunds) Run(ctx context.Context) error {
	if err := f.prepare(); err != nil {
		return err
	}
	r := &refundsResult{outcome: newOutcome(ctx)}
	c, err := testbed.Start(ctx, testbed.Options{
		Nodes: 2, Allocators: 1, Ledgers: 1, Binaries: f.Binaries, RedisArgs: slowArgs(), NodeArgs: []string{"--drain-delay", "0s"}, Progress: logLine,
	})
	if err != nil {
		return err
	}
	r.Favoured = favour(c.Redis.Pid()) == nil
	err = f.on(ctx, c, r)
	closed(c.Close())
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it was not given the time
	} else if err == nil {
		r.judge(f)
	}
	return f.conclude(r, err)
}

// judge puts the figures beside what they may be.
func (r *refundsResult) judge(f *refunds) {
	if r.Ratio != nil && !r.Ratio.kept() {
		r.Missed = append(r.Missed, fmt.Sprintf("an operator raises the p99 of buyers to %.2f times", r.Ratio.Value))
	}
	whole := 0
	for _, w := range r.Walks {
		whole += w.Whole
	}
	if whole == 0 {
		r.Unshown = append(r.Unshown, "the operator did not come to the end of the list: use a longer --turn, or a larger --page")
	}
	if r.Payments != f.Payments {
		r.Faults = append(r.Faults, fmt.Sprintf("%d payments are listed, want %d", r.Payments, f.Payments))
	}
}

func (r *refundsResult) show() report.Sheet {
	t := report.Table{Head: []string{"what", "figure"}}
	t.Add("payments, all due", fmt.Sprintf("%d in %.0f s", r.Payments, r.Filling))
	if r.Ratio != nil {
		t.Add("p99 of buyers", fmt.Sprintf("%.2f ms without the operator, %.2f ms with: %.2f × (%.2f … %.2f), want ≤ %.2f",
			median(r.Without), median(r.With), r.Ratio.Value, r.Ratio.Low, r.Ratio.High, r.Ratio.Bound))
	}
	var all walk
	for _, w := range r.Walks {
		all = walk{Whole: all.Whole + w.Whole, Pages: all.Pages + w.Pages, Seconds: all.Seconds + w.Seconds, Slowest: max(all.Slowest, w.Slowest)}
	}
	t.Add("the operator", fmt.Sprintf("%d pages in %d turns of %.0f s in all, %d whole lists, slowest page %.1f ms", all.Pages, len(r.Walks), all.Seconds, all.Whole, all.Slowest))
	if r.Turns != nil {
		t.Add("longest Redis call", r.Turns.longest())
	}
	return r.sheet("An operator who pages through refunds while buyers come", t)
}
