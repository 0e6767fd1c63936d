package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"gonum.org/v1/plot/plotter"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/internal/picture"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// overload sends one node more purchases than it can sell, on schedule whatever it answers, and counts those that are
// sold in time.
type overload struct {
	Runs        int           `default:"3" help:"Interleaved runs; medians are compared."`
	For         time.Duration `default:"4s" help:"How long each measurement takes."`
	Connections int           `default:"256" help:"Connections of the closed loop that finds the peak."`
	Clients     int           `default:"4096" help:"Connections of the open loops. A buyer who finds none free is dropped."`
	Patience    time.Duration `default:"1s" help:"How long a buyer waits for the answer. Later ones don't count."`
	Buyers      int           `default:"700000" help:"Buyers of one measurement at most, each with a token of its own."`
	Requests    int           `default:"0" help:"--requests of the node; 0: its default."`
	Places      int           `default:"0" help:"--connections of the node; 0: its default."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
}

// overloads are how much is sent, in multiples of the peak.
var overloads = []float64{1, 2, 5}

// goodputBound is the least share of the peak that is sold at the highest of them.
const goodputBound = 0.8

// overloadResult is what came out.
type overloadResult struct {
	outcome

	Patience time.Duration `json:"patience"`
	Servers  []int         `json:"processors_of_the_servers"`
	Clients  []int         `json:"processors_of_the_clients"`
	Peak     []float64     `json:"peak"` // purchases a second, of each run
	Rows     []overloadRow `json:"rows"`
}

// overloadRow is one multiple of the peak.
type overloadRow struct {
	Times   float64   `json:"times_the_peak"`
	Offered []float64 `json:"offered"` // purchases a second, of each run
	Goodput []float64 `json:"goodput"` // sold in time, a second
	Ratio   []float64 `json:"ratio"`   // to the peak of the same run
	Busy    []float64 `json:"busy"`    // shares of the offered purchases: refused as busy,
	Dropped []float64 `json:"dropped"` // not sent because no connection was free,
	Lost    []float64 `json:"lost"`    // and without an answer in time
	P50     []float64 `json:"p50_ms"`  // of the sold, from when they were due
	P99     []float64 `json:"p99_ms"`
	Behind  []float64 `json:"generator_behind_ms"` // at worst
}

// Validate reports every fault at once, or nil.
func (o *overload) Validate() error {
	var w wants
	w.positive("--runs", o.Runs)
	w.that(o.For >= 100*time.Millisecond && o.For <= time.Minute, "--for", o.For, "100ms to 1m")
	w.that(o.Connections >= 1 && o.Connections <= generator.MaxConnections, "--connections", o.Connections, fmt.Sprintf("1 to %d", generator.MaxConnections))
	w.that(o.Clients >= 1 && o.Clients <= generator.MaxConnections, "--clients", o.Clients, fmt.Sprintf("1 to %d", generator.MaxConnections))
	w.that(o.Patience >= 100*time.Millisecond && o.Patience <= 10*time.Second, "--patience", o.Patience, "100ms to 10s")
	w.positive("--buyers", o.Buyers)
	w.that(o.Requests >= 0, "--requests", o.Requests, "0 or more")
	w.that(o.Places >= 0, "--places", o.Places, "0 or more")
	w.programs(o.Binaries)
	return errors.Join(w...)
}

// Run measures and publishes, also the runs before an interruption.
func (o *overload) Run(ctx context.Context) error {
	if err := o.prepare(); err != nil {
		return err
	}
	r := &overloadResult{outcome: newOutcome(ctx), Patience: o.Patience}
	r.Servers, r.Clients = cores()
	for _, times := range overloads {
		r.Rows = append(r.Rows, overloadRow{Times: times})
	}
	options := testbed.Options{Binaries: o.Binaries}
	if o.Requests > 0 {
		options.NodeArgs = append(options.NodeArgs, "--requests", strconv.Itoa(o.Requests))
	}
	if o.Places > 0 {
		options.NodeArgs = append(options.NodeArgs, "--connections", strconv.Itoa(o.Places))
	}
	s, err := startSite(ctx, options)
	if err != nil {
		return err
	}
	err = o.measure(ctx, s, r)
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it is only the interruption
	}
	after, cancel := outliving(ctx)
	defer cancel()
	faults, aerr := s.audit(after, len(s.sales)) // tickets are left of every sale
	r.Faults = append(r.Faults, faults...)
	s.close()
	if len(r.Peak) == 0 {
		return errors.Join(err, aerr)
	}
	r.judge()
	return o.conclude(r, errors.Join(err, aerr))
}

// measure pins the processes, and makes all runs.
func (o *overload) measure(ctx context.Context, s *site, r *overloadResult) error {
	g, err := generator.Start(ctx, filepath.Join(s.cluster.Dir, "keys.json"), o.Buyers)
	if err != nil {
		return err
	}
	defer func() { closed(g.Stop()) }()
	pids := map[int][]int{s.node(): r.Servers, s.cluster.Redis.Pid(): r.Servers, g.Pid(): r.Clients, os.Getpid(): r.Clients}
	for _, a := range s.cluster.Allocators {
		pids[a.Pid()] = r.Servers
	}
	for pid, to := range pids {
		if err := pin(pid, to); err != nil {
			return err
		}
	}
	if _, err := o.step(ctx, s, g, 0); err != nil { // to warm up
		return err
	}
	for run := range o.Runs {
		peak, err := o.step(ctx, s, g, 0)
		if err != nil {
			return err
		}
		most := float64(peak.Latencies[generator.ClassSold].Count()) / peak.Seconds
		logLine(fmt.Sprintf("run %d of %d: the node sells %.0f tickets a second at most", run+1, o.Runs, most))
		for i := range r.Rows {
			row := &r.Rows[i]
			got, err := o.step(ctx, s, g, row.Times*most)
			if err != nil {
				return err
			}
			row.add(got, most, o.Patience)
			logLine(fmt.Sprintf("%.0f times as many: %.0f a second sold in time, %.0f %% of the peak", row.Times, row.Goodput[run], 100*row.Ratio[run]))
		}
		r.Peak = append(r.Peak, most)
	}
	return nil
}

// step sends purchases of a new sale, at a rate or, if that is 0, in a closed loop.
func (o *overload) step(ctx context.Context, s *site, g *generator.Process, rate float64) (generator.Run, error) {
	order := generator.Order{Addr: s.listen(), Requests: o.Buyers, Connections: o.Connections, Timeout: 10 * time.Second}
	if rate > 0 {
		order.Requests = max(1, min(o.Buyers, int(rate*o.For.Seconds())))
		order.Connections, order.Rate, order.Late = o.Clients, rate, o.Patience/10
	}
	if rate == 0 {
		order.Requests = min(o.Buyers, int(20_000*o.For.Seconds()))
	}
	order.Connections = min(order.Connections, order.Requests)
	id := fmt.Sprint("overload-", len(s.sales))
	if err := s.open(ctx, id, int64(order.Requests)); err != nil {
		return generator.Run{}, err
	}
	if err := settleMemory(); err != nil {
		return generator.Run{}, err
	}
	order.Sale = id
	run, err := g.Run(ctx, order)
	s.answered(sale.ID(id), run)
	return run, err
}

// add enters what came of a step.
func (row *overloadRow) add(run generator.Run, peak float64, patience time.Duration) {
	rate := row.Times * peak
	sold := run.Latencies[generator.ClassSold]
	share := func(n int64) float64 { return float64(n) / float64(run.Intended) }
	var lost int64
	for _, n := range run.Errors {
		lost += n
	}
	late := sold.Count() - sold.Within(patience)
	// Only what is answered while others still ask: from then on the node has less to do.
	schedule, answered := float64(run.Intended)/rate, int64(0)
	for _, tenth := range run.Timeline {
		if tenth.At < schedule {
			answered += tenth.Answers[generator.ClassSold]
		}
	}
	goodput := float64(max(0, answered-late)) / schedule
	row.Offered = append(row.Offered, rate)
	row.Goodput, row.Ratio = append(row.Goodput, goodput), append(row.Ratio, goodput/peak)
	row.Busy = append(row.Busy, share(run.Latencies[generator.ClassBusy].Count()))
	row.Dropped = append(row.Dropped, share(run.Dropped))
	row.Lost = append(row.Lost, share(lost+late))
	row.P50 = append(row.P50, sold.Quantile(0.5).Seconds()*1000)
	row.P99 = append(row.P99, sold.Quantile(0.99).Seconds()*1000)
	row.Behind = append(row.Behind, run.Behind.Seconds()*1000)
}

// judge lists the bound that was missed.
func (r *overloadResult) judge() {
	last := r.Rows[len(r.Rows)-1]
	if ratio := median(last.Ratio); ratio < goodputBound {
		r.Missed = append(r.Missed, fmt.Sprintf("at %.0f times the peak %.0f %% of it was sold in time, want %.0f %%", last.Times, 100*ratio, 100*goodputBound))
	}
}

// pictures implements [pictured].
func (r *overloadResult) pictures() []*picture.Picture {
	p := picture.New("overload", "Sold in time, by what is asked for", 300)
	p.Small = fmt.Sprintf("medians of %d runs; %s; %s", len(r.Peak), r.Machine, r.Commit)
	var goodput, bound plotter.XYs
	for _, row := range r.Rows {
		if len(row.Ratio) > 0 {
			goodput = append(goodput, plotter.XY{X: row.Times, Y: 100 * median(row.Ratio)})
			bound = append(bound, plotter.XY{X: row.Times, Y: 100 * goodputBound})
		}
	}
	p.Curve("sold in time", goodput, 0, plotter.NoStep)
	p.Curve("bound", bound, 1, plotter.NoStep)
	p.Plot.X.Label.Text, p.Plot.Y.Label.Text = "purchases asked for, in multiples of the peak", "sold in time, % of the peak"
	p.Plot.X.Min, p.Plot.Y.Min, p.Plot.Y.Max = 0, 0, max(110, p.Plot.Y.Max)
	return []*picture.Picture{p}
}

func (r *overloadResult) show() report.Sheet {
	t := report.Table{Head: []string{"times the peak", "offered/s", "sold in time/s", "of the peak", "busy", "no connection", "too late", "p50, ms", "p99, ms"},
		Caption: fmt.Sprintf("Medians of %d runs; the peak is %.0f purchases a second.", len(r.Peak), median(r.Peak))}
	for _, row := range r.Rows {
		if len(row.Ratio) == 0 {
			continue // cut off before
		}
		percent := func(v []float64) string { return fmt.Sprintf("%.0f %%", 100*median(v)) }
		whole := func(v []float64) string { return fmt.Sprintf("%.0f", median(v)) }
		t.Add(fmt.Sprintf("%.0f", row.Times), whole(row.Offered), whole(row.Goodput), percent(row.Ratio), percent(row.Busy), percent(row.Dropped), percent(row.Lost),
			whole(row.P50), whole(row.P99))
	}
	s := r.sheet("One node that is asked for more than it can sell", t)
	s.Notes = append(s.Notes,
		fmt.Sprintf("Node, Redis and allocator have the processors %v, the generator and the bench %v: neither takes the others' time.", r.Servers, r.Clients),
		fmt.Sprintf("Sold in time: within %v of being due, and before the last purchase was due.", r.Patience),
		"Peak: a closed loop. Otherwise purchases are sent on schedule. Who finds no connection free within a tenth of the patience is dropped.")
	return s
}
