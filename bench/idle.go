package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"onsale/bench/report"
	"onsale/internal/pause"
	"onsale/internal/testbed"
)

// idle keeps a site that nobody asks.
type idle struct {
	Nodes    int           `default:"100" help:"Nodes."`
	For      time.Duration `default:"20s" help:"How long it idles for the measurement."`
	Settle   time.Duration `default:"25s" help:"How long nothing happens before that: a node rests once nobody has asked it between two looks, ten seconds apart."`
	Kills    int           `default:"5" help:"Nodes that are killed then, one after the other."`
	Most     float64       `default:"0.3" help:"Cores that all nodes together may take while they idle."`
	Probe    time.Duration `default:"200ms" help:"How often a member checks another one, see --gossip-probe of a node."`
	Known    time.Duration `default:"1500ms" help:"When a crash must be known to all other members, as the median of all kills."`
	output   `embed:""`
	Binaries string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
}

// idleResult is what came out.
type idleResult struct {
	outcome

	Nodes     int                `json:"nodes"`
	Cores     map[string]float64 `json:"cores"`                  // by kind of process, all of the kind
	Wakeups   map[string]float64 `json:"wakeups_per_second"`     // of one process of each kind
	Planner   []float64          `json:"allocator_seconds"`      // from each kill until the allocator knew
	Crashes   []float64          `json:"all_members_seconds"`    // until all other members did
	Published []float64          `json:"upstream_seconds"`       // until the node was out of Nginx's upstream
	Wrongly   int                `json:"live_nodes_given_up_on"` // reports of a crash of a node that lived
}

// Validate reports every fault at once, or nil.
func (i *idle) Validate() error {
	var w wants
	w.positive("--nodes", i.Nodes)
	w.that(i.For >= time.Second, "--for", i.For, "at least 1s")
	w.that(i.Settle >= 0, "--settle", i.Settle, "not less than 0")
	w.that(i.Kills >= 0 && i.Kills < max(i.Nodes, 1), "--kills", i.Kills, "0 or more, and fewer than --nodes")
	w.that(i.Most > 0, "--most", i.Most, "more than 0 cores")
	w.that(i.Probe >= time.Millisecond, "--probe", i.Probe, "at least 1ms")
	w.that(i.Known > 0, "--known", i.Known, "more than 0")
	w.programs(i.Binaries)
	return errors.Join(w...)
}

// Run measures, and judges what it measured.
func (i *idle) Run(ctx context.Context) error {
	if err := i.prepare(); err != nil {
		return err
	}
	r := &idleResult{outcome: newOutcome(ctx), Nodes: i.Nodes, Cores: map[string]float64{}, Wakeups: map[string]float64{}}
	// Otherwise the testbed slows the probes of so many members down: they share few processors, and these sell nothing.
	probe := []string{"--gossip-probe", i.Probe.String()}
	c, err := testbed.Start(ctx, testbed.Options{Nodes: i.Nodes, Allocators: 1, Ledgers: 1, Binaries: i.Binaries, Progress: logLine,
		NodeArgs: probe, AllocatorArgs: probe})
	if err != nil {
		return err
	}
	err = i.measure(ctx, c, r)
	closed(c.Close())
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil
	} else {
		i.judge(r)
	}
	return i.conclude(r, err)
}

// measure lets the site idle, and kills nodes.
func (i *idle) measure(ctx context.Context, c *testbed.Site, r *idleResult) error {
	logLine(fmt.Sprintf("%d nodes idle", i.Nodes))
	if !pause.For(ctx, i.Settle) {
		return ctx.Err()
	}
	if err := r.watch(ctx, c, i.For); err != nil {
		return err
	}
	for n := range i.Kills {
		if err := r.kill(ctx, c, c.Nodes[len(c.Nodes)-1-n]); err != nil {
			return err
		}
	}
	var err error
	r.Wrongly, err = givenUpOn(c)
	return err
}

// judge puts the figures beside what they may be.
func (i *idle) judge(r *idleResult) {
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
		}
	}
	fault(r.Cores["nodes"] <= i.Most, "%d idle nodes take %.2f of a core, more than %.2f", r.Nodes, r.Cores["nodes"], i.Most)
	fault(len(r.Crashes) == i.Kills, "%d of %d crashes came to be known", len(r.Crashes), i.Kills)
	if len(r.Crashes) > 0 {
		fault(median(r.Crashes) <= i.Known.Seconds(), "a crash was known to all members after %.2f s, more than %v", median(r.Crashes), i.Known)
	}
	fault(r.Wrongly == 0, "members gave up on a node that lived, %d times", r.Wrongly)
}

func (r *idleResult) show() report.Sheet {
	cores := report.Table{Head: []string{"idle", "cores", "wake-ups/s of one"}}
	for _, kind := range slices.Sorted(maps.Keys(r.Cores)) {
		wakeups := ""
		if w, counted := r.Wakeups[kind]; counted {
			wakeups = fmt.Sprintf("%.0f", w)
		}
		cores.Add(kind, fmt.Sprintf("%.3f", r.Cores[kind]), wakeups)
	}
	crashes := report.Table{Head: []string{"a killed node, s until", "median", "each"}}
	for _, row := range []struct {
		what string
		took []float64
	}{{"the allocator knew", r.Planner}, {"all other members did", r.Crashes}, {"it was out of the upstream", r.Published}} {
		if len(row.took) == 0 {
			continue
		}
		crashes.Add(row.what, fmt.Sprintf("%.2f", median(row.took)), fmt.Sprintf("%.2f", row.took))
	}
	return r.sheet(fmt.Sprintf("%d nodes that nobody asks", r.Nodes), cores, crashes)
}
