package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/bench/strategy"
)

// compare sells by every strategy that everybody argues about, side by side.
type compare struct {
	Quick       bool          `help:"One short repeat, in a few minutes: to see that it works."`
	Repeats     int           `default:"5" help:"Interleaved repeats; medians are compared."`
	Connections int           `default:"256" help:"Connections at the same time."`
	For         time.Duration `default:"4s" help:"How long each measurement should take."`
	Rate        float64       `default:"400" help:"Open loop, stock left: buyers a second; low enough for the slowest strategy."`
	SpikeRate   float64       `default:"6000" help:"Open loop, spike: buyers a second, for a stock of a tenth of them."`
	Warmth      int           `default:"1500" help:"Requests that warm a strategy up, with stock and without."`
	Only        []string      `help:"Strategies to compare, by name; all by default."`
	Profile     bool          `help:"Also profile each server while stock is left, in the closed loop, for go tool pprof; such rows cost some per cent more."`
	output      `embed:"" set:"out=out/compare"`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	extra    []strategy.Entry // further strategies, for tests
	measured func(rows int)   // called after each row, for tests; may be nil
}

// Validate reports every fault at once, or nil.
func (c *compare) Validate() error {
	var faults wants
	faults.positive("--repeats", c.Repeats)
	faults.that(c.Connections >= 1 && c.Connections <= generator.MaxConnections, "--connections", c.Connections, fmt.Sprintf("1 to %d", generator.MaxConnections))
	faults.that(c.Warmth >= 1 && c.Warmth < compareMaxBuyers, "--warmth", c.Warmth, fmt.Sprintf("1 to %d", compareMaxBuyers-firstBuyer))
	faults.that(c.For >= 100*time.Millisecond && c.For <= time.Minute, "--for", c.For, "100ms to 1m")
	for flag, rate := range map[string]float64{"--rate": c.Rate, "--spike-rate": c.SpikeRate} {
		faults.that(rate > 0 && rate*c.For.Seconds() < compareMaxBuyers, flag, rate, fmt.Sprintf("above 0, and below %d buyers within --for", compareMaxBuyers))
	}
	faults.programs(c.Binaries)
	for _, name := range c.Only {
		if name != onsaleStrategy && !slices.ContainsFunc(strategy.All, func(e strategy.Entry) bool { return e.Name == name }) {
			faults = append(faults, fmt.Errorf("no strategy is called %s: there are %s", name, strings.Join(names(), ", ")))
		}
	}
	return errors.Join(faults...)
}

func names() []string {
	all := []string{onsaleStrategy}
	for _, e := range strategy.All {
		all = append(all, e.Name)
	}
	return all
}

// compareMaxBuyers bounds how many tokens are signed, and so how many requests one
// measurement may have.
const compareMaxBuyers = 400_000

// Run compares, and writes the report, also of a run that was interrupted.
func (c *compare) Run(ctx context.Context) error {
	if c.Quick {
		c.Repeats, c.For = 1, 1200*time.Millisecond
	}
	if err := c.prepare(); err != nil {
		return err
	}
	out := newOutcome(ctx)
	entries := slices.DeleteFunc(slices.Concat(strategy.All, c.extra), func(e strategy.Entry) bool {
		return len(c.Only) > 0 && !slices.Contains(c.Only, e.Name)
	})
	f, err := startField(ctx, entries, c.Binaries)
	if err != nil {
		return err
	}
	r := &report.Report{}
	r.Notes = []string{
		"hit: tickets are left for everybody. sold-out: none are. spike: many buyers come at once for a tenth as many tickets.",
		"Each row's sale was audited: what buyers were answered against the orders that the strategy has. That these survive a crash is its own claim.",
		"Every tenth request is a buyer's second, sent right after the first. One order is theirs, answered twice.",
		"onsale runs one node without Nginx and ledger, with its allocator. It answers sold out before it looks at the token; the others look first.",
		"CPU is of the servers and stores, an answer of any kind; a store's idle work for others is in it, which shows at a low rate. MiB is what they hold at the end, from all runs.",
	}
	err = c.measure(ctx, f, r)
	if err != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("NOT WHOLE: %d of %d rows were measured, then it ended: %v",
			len(r.Rows), len(f.contenders)*len(comparePhases)*c.Repeats, err))
	}
	closed(f.close())
	if len(r.Rows) == 0 {
		return err
	}
	out.finish()
	r.Header = out.Header
	err = errors.Join(err, c.publish(comparison{r}))
	if err == nil && slices.ContainsFunc(r.Rows, report.Row.Invalid) {
		err = errBroken
	}
	return err
}

// measure goes through every strategy and phase of each repeat in random order.
func (c *compare) measure(ctx context.Context, f *field, r *report.Report) error {
	g, err := generator.Start(ctx, filepath.Join(f.cluster.Dir, "keys.json"), compareMaxBuyers)
	if err != nil {
		return err
	}
	defer g.Stop()
	live := report.NewLive(os.Stderr)
	defer live.End()
	live.Begin(len(f.contenders) * (1 + c.Repeats*len(comparePhases)))
	trials := map[*contender]*trial{}
	for _, one := range f.contenders {
		live.Step(one.Name + ": warming up")
		t := &trial{compare: c, contender: one, generator: g}
		trials[one] = t
		if err := t.warm(ctx); err != nil {
			if ctx.Err() != nil {
				return err
			}
			t.fallen(r, comparePhases[0], 1, fmt.Errorf("warming up: %w", err))
		}
	}
	type step struct {
		on    *contender
		phase phase
	}
	for repeat := range c.Repeats {
		var steps []step
		for _, one := range f.contenders {
			for _, p := range comparePhases {
				steps = append(steps, step{one, p})
			}
		}
		rand.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		for _, s := range steps {
			live.Step(fmt.Sprintf("%s: %s, %s loop", s.on.Name, s.phase.name, s.phase.loop))
			t := trials[s.on]
			if t.fell {
				continue
			}
			row, curve, err := t.run(ctx, s.phase, repeat+1)
			if ctx.Err() != nil {
				return ctx.Err() // err is only what the interruption caused
			}
			if err != nil {
				t.fallen(r, s.phase, repeat+1, err)
				continue
			}
			r.Rows = append(r.Rows, row)
			r.Curves = append(r.Curves, curve...)
			live.Row(row)
			if c.measured != nil {
				c.measured(len(r.Rows))
			}
		}
	}
	return nil
}

// comparison is a report as the output flags want it.
type comparison struct{ *report.Report }

func (c comparison) WriteText(w io.Writer) error { return c.WriteTables(w, onsaleStrategy) }

func (c comparison) WriteHTML(w io.Writer) error { return c.Report.WriteHTML(w, onsaleStrategy) }

func (c comparison) WriteFiles(folder string) ([]string, error) {
	files, err := c.WriteSVG(folder)
	name := filepath.Join(folder, "bench.txt")
	return append(files, name), errors.Join(err, save(name, c.WriteBench))
}
