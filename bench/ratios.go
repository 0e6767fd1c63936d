package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"onsale/bench/generator"
	"onsale/bench/report"
)

// ratios compares within one run on one machine, where absolute figures mean
// little: what answers cost beside a bare server's, and what group commit
// sells beside one call a claim; and what a line costs beside a purchase.
type ratios struct {
	Runs        int `default:"7" help:"Interleaved runs; medians are compared."`
	Connections int `default:"256" help:"Connections at the same time."`
	Requests    int `default:"150000" help:"Sold-out and bare answers a run."`
	Purchases   int `default:"40000" help:"Purchases a run, each of another buyer."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	measured func(run int) // called after each run, for tests; may be nil
}

// ratiosResult is the whole outcome.
type ratiosResult struct {
	outcome

	Runs   int                `json:"runs"`              // that were whole, which the ratios are of
	Micros map[string]float64 `json:"cpu_us_per_answer"` // medians
	Rates  map[string]float64 `json:"answers_per_second"`
	// Parts are the medians of each process alone, which onsale plan reads: server and redis.
	Parts  map[string]map[string]float64 `json:"cpu_us_by_process"`
	Again  map[string]int                `json:"runs_made_again"` // because Redis stalled
	Ratios []ratio                       `json:"ratios"`
}

// Validate reports every fault at once, or nil.
func (r *ratios) Validate() error {
	var w wants
	w.positive("--runs", r.Runs)
	w.positive("--connections", r.Connections)
	w.positive("--requests", r.Requests)
	w.positive("--purchases", r.Purchases)
	w.programs(r.Binaries)
	return errors.Join(w...)
}

// Run measures and publishes, also the runs before an interruption.
func (r *ratios) Run(ctx context.Context) error {
	if err := r.prepare(); err != nil {
		return err
	}
	out := &ratiosResult{outcome: newOutcome(ctx), Micros: map[string]float64{}, Rates: map[string]float64{}, Again: map[string]int{}, Parts: map[string]map[string]float64{}}
	binaries, remove, err := built(ctx, r.Binaries)
	if err != nil {
		return err
	}
	defer remove()
	r.Binaries = binaries
	measured, err := r.onSites(ctx, out)
	if !measured {
		return err
	}
	return r.conclude(out, err)
}

// onSites starts a site for each way to sell, measures on them, and ends them. measured is false
// if it did not get as far as measuring.
func (r *ratios) onSites(ctx context.Context, out *ratiosResult) (measured bool, err error) {
	grouped, err := r.site(ctx, nil)
	if err != nil {
		return false, err
	}
	defer grouped.close()
	single, err := r.site(ctx, grouped.cluster.Issuer, "--batch", "1", "--calls", "256")
	if err != nil {
		return false, err
	}
	defer single.close()
	answer, err := grouped.recordSoldOut(ctx)
	if err != nil {
		return false, err
	}
	yardstick, addr, err := startBare(ctx, grouped.cluster.Dir, answer)
	if err != nil {
		return false, err
	}
	defer yardstick.Kill()
	g, err := generator.Start(ctx, filepath.Join(grouped.cluster.Dir, "keys.json"), max(r.Requests, r.Purchases))
	if err != nil {
		return false, err
	}
	defer func() {
		if err := g.Stop(); err != nil {
			logLine(err.Error())
		}
	}()

	constant := func(int) (string, error) { return soldOutSale, nil }
	variants := []*variant{
		{name: "bare fasthttp", addr: addr, pids: []int{yardstick.Pid()}, sale: constant, orders: r.Requests, status: 409},
		{name: "sold out", site: grouped, addr: grouped.listen(), pids: []int{grouped.node()}, sale: constant, orders: r.Requests, status: 409},
		{name: "durable purchase", site: grouped, addr: grouped.listen(), pids: []int{grouped.node(), grouped.cluster.Redis.Pid()},
			sale: grouped.fresh(ctx, r.Purchases), orders: r.Purchases, status: 201},
		{name: "purchase, one call a claim", site: single, addr: single.listen(), pids: []int{single.node(), single.cluster.Redis.Pid()},
			sale: single.fresh(ctx, r.Purchases), orders: r.Purchases, status: 201},
		r.joinVariant(ctx, grouped), r.placeVariant(ctx, grouped, g),
	}
	out.Runs, err = inTurns(ctx, g, variants, r.Runs, r.Connections, r.measured)
	if out.Interrupted = ctx.Err() != nil; out.Interrupted {
		err = nil // it is only the interruption
	}
	outlived, cancel := outliving(ctx)
	defer cancel()
	unsold := 0 // by a run that was cut off
	if out.Runs < r.Runs {
		unsold = 1
	}
	for site, again := range map[*site]int{grouped: variants[2].repeated + variants[5].repeated + unsold, single: variants[3].repeated + unsold} {
		faults, aerr := site.audit(outlived, again)
		out.Faults, err = append(out.Faults, faults...), errors.Join(err, aerr)
	}
	out.sum(variants)
	return true, err
}

// inTurns makes every run of all variants, in another order each time, and returns how many are whole.
func inTurns(ctx context.Context, g *generator.Process, variants []*variant, runs, connections int, measured func(run int)) (whole int, err error) {
	for run := range runs {
		for _, i := range rand.Perm(len(variants)) {
			if err := variants[i].measure(ctx, g, connections, run); err != nil {
				return run, err
			}
		}
		logLine(fmt.Sprintf("run %d of %d", run+1, runs))
		if measured != nil {
			measured(run + 1)
		}
	}
	return runs, nil
}

// sum finds the medians, and the ratios of the whole runs with the bounds that they miss.
func (out *ratiosResult) sum(v []*variant) {
	for _, one := range v {
		if len(one.micros) == 0 {
			continue // the first run was cut off before
		}
		out.Micros[one.name], out.Rates[one.name] = median(one.micros), median(one.rates)
		out.Again[one.name], out.Parts[one.name] = one.repeated, one.byProcess()
	}
	whole := out.Runs
	if whole == 0 {
		return
	}
	out.Ratios = []ratio{
		ratioOf("sold out : bare, CPU", v[1].micros[:whole], v[0].micros[:whole], 1.15, false),
		ratioOf("durable purchase : bare, CPU", v[2].micros[:whole], v[0].micros[:whole], 3.5, false),
		ratioOf("group commit : one call a claim, tickets a second", v[2].rates[:whole], v[3].rates[:whole], 3, true),
		ratioOf("join : durable purchase, CPU", v[4].micros[:whole], v[2].micros[:whole], joinBound, false),
		differenceOf("purchase with a place − without, CPU µs", v[5].micros[:whole], v[2].micros[:whole], placeBound),
	}
	for _, one := range out.Ratios {
		if !one.kept() {
			out.Missed = append(out.Missed, one.Name)
		}
	}
}

func (out *ratiosResult) show() report.Sheet {
	answers := report.Table{Head: []string{"answer", "CPU µs", "a second", "runs made again"}}
	for _, name := range slices.Sorted(maps.Keys(out.Micros)) {
		answers.Add(name, fmt.Sprintf("%.1f", out.Micros[name]), fmt.Sprintf("%.0f", out.Rates[name]), out.Again[name])
	}
	ratios := report.Table{Head: []string{"ratio", "median", "range", "bound", "kept"}, Caption: fmt.Sprintf("Medians of %d interleaved runs.", out.Runs)}
	for _, one := range out.Ratios {
		sign := "≤"
		if one.AtLeast {
			sign = "≥"
		}
		ratios.Add(one.Name, fmt.Sprintf("%.2f", one.Value), fmt.Sprintf("%.2f … %.2f", one.Low, one.High), fmt.Sprintf("%s %.2f", sign, one.Bound), one.kept())
	}
	return out.sheet("Ratios within one run on one machine", answers, ratios)
}
