package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"onsale/bench/generator"
	"onsale/internal/testbed"
)

// ratios compares within one run on one machine, where absolute figures mean
// little: what answers cost beside a bare server's, and what group commit
// sells beside one call a claim.
type ratios struct {
	Runs        int    `default:"7" help:"Interleaved runs; medians are compared."`
	Connections int    `default:"256" help:"Connections at the same time."`
	Requests    int    `default:"150000" help:"Sold-out and bare answers a run."`
	Purchases   int    `default:"40000" help:"Purchases a run, each of another buyer."`
	JSON        string `help:"File for the result." type:"path"`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	measured func(run int) // called after each run, for tests; may be nil
}

// variant is one thing measured.
type variant struct {
	name   string
	addr   string
	pids   []int                         // whose processor time counts
	sale   func(run int) (string, error) // prepares a sale for the run
	orders int
	status int // what every answer must be

	repeated int // runs made again
	micros   []float64
	rates    []float64
}

// ratio is one row of the result.
type ratio struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Low     float64 `json:"low"` // the lowest and the highest of the runs' own ratios
	High    float64 `json:"high"`
	Bound   float64 `json:"bound"`
	AtLeast bool    `json:"at_least"` // the bound is a lower one
}

func (r ratio) kept() bool {
	if r.AtLeast {
		return r.Value >= r.Bound
	}
	return r.Value <= r.Bound
}

// ratiosResult is the whole outcome.
type ratiosResult struct {
	Command string `json:"command"`
	Machine string `json:"machine"`
	Commit  string `json:"commit"`

	Interrupted bool `json:"interrupted,omitempty"` // the figures are of the runs that were whole by then

	Runs   int                `json:"runs"`              // that were whole, which the ratios are of
	Micros map[string]float64 `json:"cpu_us_per_answer"` // medians
	Rates  map[string]float64 `json:"answers_per_second"`
	Again  map[string]int     `json:"runs_made_again"` // because Redis stalled
	Ratios []ratio            `json:"ratios"`
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

// Run measures and prints, also the runs before an interruption.
func (r *ratios) Run(ctx context.Context) error {
	if err := creatable(r.JSON); err != nil {
		return err
	}
	binaries, remove, err := built(ctx, r.Binaries)
	if err != nil {
		return err
	}
	defer remove()
	r.Binaries = binaries
	grouped, err := r.site(ctx, nil)
	if err != nil {
		return err
	}
	defer grouped.close()
	single, err := r.site(ctx, grouped.cluster.Issuer, "--batch", "1", "--calls", "256")
	if err != nil {
		return err
	}
	defer single.close()
	answer, err := grouped.recordSoldOut(ctx)
	if err != nil {
		return err
	}
	yardstick, addr, err := startBare(ctx, grouped.cluster.Dir, answer)
	if err != nil {
		return err
	}
	defer yardstick.Kill()
	g, err := generator.Start(ctx, filepath.Join(grouped.cluster.Dir, "keys.json"), max(r.Requests, r.Purchases))
	if err != nil {
		return err
	}
	defer func() {
		if err := g.Stop(); err != nil {
			say(err.Error())
		}
	}()

	constant := func(int) (string, error) { return soldOutSale, nil }
	variants := []*variant{
		{name: "bare fasthttp", addr: addr, pids: []int{yardstick.Pid()}, sale: constant, orders: r.Requests, status: 409},
		{name: "sold out", addr: grouped.listen(), pids: []int{grouped.node()}, sale: constant, orders: r.Requests, status: 409},
		{name: "durable purchase", addr: grouped.listen(), pids: []int{grouped.node(), grouped.cluster.Redis.Pid()},
			sale: grouped.fresh(ctx, r.Purchases), orders: r.Purchases, status: 201},
		{name: "purchase, one call a claim", addr: single.listen(), pids: []int{single.node(), single.cluster.Redis.Pid()},
			sale: single.fresh(ctx, r.Purchases), orders: r.Purchases, status: 201},
	}
	whole, err := r.measure(ctx, g, variants)
	interrupted := ctx.Err() != nil
	if interrupted {
		err = nil // that it was cut off is all that it says
	}
	outlived, cancel := outliving(ctx)
	defer cancel()
	unsold := 0 // by a run that was cut off
	if whole < r.Runs {
		unsold = 1
	}
	return errors.Join(err,
		grouped.audit(outlived, variants[2].repeated+unsold),
		single.audit(outlived, variants[3].repeated+unsold),
		r.report(outlived, variants, whole, interrupted))
}

// measure makes every run, and returns how many are whole.
func (r *ratios) measure(ctx context.Context, g *generator.Process, variants []*variant) (whole int, err error) {
	for run := range r.Runs {
		for _, i := range rand.Perm(len(variants)) {
			if err := variants[i].measure(ctx, g, r.Connections, run); err != nil {
				return run, err
			}
		}
		say(fmt.Sprintf("run %d of %d", run+1, r.Runs))
		if r.measured != nil {
			r.measured(run + 1)
		}
	}
	return r.Runs, nil
}

// attempts bounds how often one run is made again.
const attempts = 4

// measure makes one run. A run in which Redis stalled, so that buyers were told
// of it, says nothing about cost: it is made again with a new sale, and counted.
func (v *variant) measure(ctx context.Context, g *generator.Process, connections, run int) error {
	for range attempts {
		done, err := v.attempt(ctx, g, connections, run)
		if done || err != nil {
			return err
		}
		v.repeated++
	}
	return fmt.Errorf("%s: redis stalled in %d runs in a row", v.name, attempts)
}

// attempt sends one run's requests, and notes cost and rate if all were
// answered as they should be.
func (v *variant) attempt(ctx context.Context, g *generator.Process, connections, run int) (done bool, err error) {
	id, err := v.sale(run)
	if err != nil {
		return false, err
	}
	if err := settleMemory(); err != nil {
		return false, err
	}
	before, err := cpuOf(v.pids)
	if err != nil {
		return false, err
	}
	b, err := g.Run(ctx, generator.Order{
		Addr: v.addr, Sale: id, Requests: v.orders, Connections: min(connections, v.orders), Timeout: 20 * time.Second,
	})
	if err != nil {
		return false, err
	}
	after, err := cpuOf(v.pids)
	if err != nil {
		return false, err
	}
	if b.Statuses[503] > 0 {
		say(fmt.Sprintf("%s: answers %v, running again", v.name, b.Statuses))
		return false, nil
	}
	if b.Statuses[v.status] != int64(v.orders) {
		return false, fmt.Errorf("%s: answers %v, want %d of %d; errors %v", v.name, b.Statuses, v.orders, v.status, b.Errors)
	}
	v.micros = append(v.micros, (after-before)/float64(v.orders)*1e6)
	v.rates = append(v.rates, float64(v.orders)/b.Seconds)
	return true, nil
}

func cpuOf(pids []int) (sum float64, err error) {
	for _, pid := range pids {
		t, err := testbed.CPUTime(pid)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

// report prints medians, and ratios of the whole runs; a bound that is not kept
// is an error.
func (r *ratios) report(ctx context.Context, v []*variant, whole int, interrupted bool) error {
	out := ratiosResult{Command: command(), Machine: machine(), Commit: commit(ctx), Interrupted: interrupted, Runs: whole, Micros: map[string]float64{}, Rates: map[string]float64{}, Again: map[string]int{}}
	t := newTable(os.Stdout)
	t.AppendHeader(table.Row{"answer", "CPU µs", "a second", "runs made again"})
	for _, one := range v {
		if len(one.micros) == 0 {
			continue // the first run was cut off before
		}
		out.Micros[one.name], out.Rates[one.name] = median(one.micros), median(one.rates)
		out.Again[one.name] = one.repeated
		t.AppendRow(table.Row{one.name, fmt.Sprintf("%.1f", median(one.micros)), fmt.Sprintf("%.0f", median(one.rates)), one.repeated})
	}
	t.Render()
	if whole > 0 {
		out.Ratios = []ratio{
			ratioOf("sold out : bare, CPU", v[1].micros[:whole], v[0].micros[:whole], 1.15, false),
			ratioOf("durable purchase : bare, CPU", v[2].micros[:whole], v[0].micros[:whole], 3.5, false),
			ratioOf("group commit : one call a claim, tickets a second", v[2].rates[:whole], v[3].rates[:whole], 3, true),
		}
	}
	t = newTable(os.Stdout)
	t.AppendHeader(table.Row{"ratio", "median", "range", "bound", "kept"})
	var missed []string
	for _, one := range out.Ratios {
		sign := "≤"
		if one.AtLeast {
			sign = "≥"
		}
		t.AppendRow(table.Row{one.Name, fmt.Sprintf("%.2f", one.Value), fmt.Sprintf("%.2f … %.2f", one.Low, one.High), fmt.Sprintf("%s %.2f", sign, one.Bound), one.kept()})
		if !one.kept() {
			missed = append(missed, one.Name)
		}
	}
	t.Render()
	fmt.Printf("%s\n%s, commit %s, medians of %d interleaved runs\n", out.Command, out.Machine, out.Commit, whole)
	if whole < r.Runs {
		fmt.Printf("NOT WHOLE: %d of %d runs were measured\n", whole, r.Runs)
	}
	var err error
	if r.JSON != "" {
		err = save(r.JSON, func(to io.Writer) error {
			e := json.NewEncoder(to)
			e.SetIndent("", "  ")
			return e.Encode(out)
		})
	}
	if len(missed) > 0 {
		err = errors.Join(err, fmt.Errorf("beyond the bound: %s", strings.Join(missed, "; ")))
	}
	return ended(err, interrupted, nil, nil)
}

func ratioOf(name string, a, b []float64, bound float64, atLeast bool) ratio {
	each := make([]float64, len(a))
	for i := range a {
		each[i] = a[i] / b[i]
	}
	// Each run's own ratio, so that a machine that slows down slows both.
	return ratio{name, median(each), slices.Min(each), slices.Max(each), bound, atLeast}
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}
