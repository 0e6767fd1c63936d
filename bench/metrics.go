package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/internal/pause"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// metricsCost compares a node that counts and times what it does with the same node while it does not, in turns of
// some milliseconds. Two nodes would differ by more, and so would a node from itself a minute later: where its memory
// happens to be, and how its threads are woken, costs more than metrics do. What a scrape takes is measured by itself.
type metricsCost struct {
	Runs        int           `default:"15" help:"Interleaved runs; the median of their ratios counts."`
	Connections int           `default:"256" help:"Connections at the same time."`
	Requests    int           `default:"300000" help:"Sold-out answers a run."`
	Purchases   int           `default:"80000" help:"Purchases a run, each of another buyer."`
	Turn        time.Duration `default:"50ms" help:"How long the node measures, or does not, at a time."`
	Of          string        `default:"metrics" enum:"metrics,tracing,nothing" help:"What is switched on and off: metrics; tracing, of one purchase in 1,000, with metrics on all the time; or nothing, to see what such a comparison can't tell apart."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	measured func(run int) // called after each run, for tests; may be nil
}

// metricsResult is the whole outcome.
type metricsResult struct {
	outcome

	Of     string             `json:"of"`                      // what was switched
	Runs   int                `json:"runs"`                    // that were whole, which the ratios are of
	Micros map[string]float64 `json:"cpu_us_per_answer"`       // of the node, medians
	Again  map[string]int     `json:"runs_made_again"`         // because Redis stalled
	Scrape float64            `json:"scrape_cpu_us,omitempty"` // of the node, for one
	Ratios []ratio            `json:"ratios"`

	costs map[string][][2]float64 // by answer, of each run that counts: off and on, in microseconds per answer
}

// metricsBound is what metrics may cost at most, beside a node without.
const metricsBound = 1.03

// scrapeEvery is the scrape_interval of deploy/prometheus/prometheus.yml.
const scrapeEvery = 5 * time.Second

// Validate reports every fault at once, or nil.
func (m *metricsCost) Validate() error {
	var w wants
	w.positive("--runs", m.Runs)
	w.positive("--connections", m.Connections)
	w.positive("--requests", m.Requests)
	w.positive("--purchases", m.Purchases)
	w.that(m.Turn >= time.Millisecond, "--turn", m.Turn, "at least 1ms")
	w.programs(m.Binaries)
	return errors.Join(w...)
}

// Run measures and publishes, also the runs before an interruption.
func (m *metricsCost) Run(ctx context.Context) error {
	if err := m.prepare(); err != nil {
		return err
	}
	out := &metricsResult{outcome: newOutcome(ctx), Of: m.Of, Micros: map[string]float64{}, Again: map[string]int{}, costs: map[string][][2]float64{}}
	binaries, remove, err := built(ctx, m.Binaries)
	if err != nil {
		return err
	}
	defer remove()
	m.Binaries = binaries
	measured, err := m.onSite(ctx, out)
	if !measured {
		return err
	}
	return m.conclude(out, err)
}

// onSite starts a site, measures on it, and ends it. measured is false if it did not get as far as measuring.
func (m *metricsCost) onSite(ctx context.Context, out *metricsResult) (measured bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	spans := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer spans.Close()
	folder, err := os.MkdirTemp("", "onsale-turns-")
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file := filepath.Join(folder, "turns.json")
	command := []string{self, "node", "--switched", m.Of, "--turns", file, "--turn", m.Turn.String()}
	if m.Of == "tracing" {
		command = append(command, "--otlp-endpoint", spans.URL)
	}
	s, err := startSite(ctx, testbed.Options{Binaries: m.Binaries, NodeCommand: command})
	if err != nil {
		return false, err
	}
	defer s.close()
	if _, err := s.recordSoldOut(ctx); err != nil {
		return false, err
	}
	g, err := generator.Start(ctx, filepath.Join(s.cluster.Dir, "keys.json"), max(m.Requests, m.Purchases))
	if err != nil {
		return false, err
	}
	defer func() {
		if err := g.Stop(); err != nil {
			logLine(err.Error())
		}
	}()
	variants := m.variants(ctx, s, file, out)
	out.Runs, err = inTurns(ctx, g, variants, m.Runs, m.Connections, m.measured)
	if out.Interrupted = ctx.Err() != nil; out.Interrupted {
		err = nil // it is only the interruption
	}
	outlived, cancel := outliving(ctx)
	defer cancel()
	unsold := variants[1].repeated
	if out.Runs < m.Runs {
		unsold++ // of a run that was cut off
	}
	faults, aerr := s.audit(outlived, unsold)
	out.Faults, err = faults, errors.Join(err, aerr)
	if m.Of == "metrics" {
		out.Scrape, aerr = scrapeCost(s)
		err = errors.Join(err, aerr)
	}
	out.sum(variants)
	return true, err
}

// variants are both ways to answer. The node's processor time alone counts.
func (m *metricsCost) variants(ctx context.Context, s *site, file string, out *metricsResult) []*variant {
	soldOut := &variant{name: "sold out", orders: m.Requests, status: 409, sale: func(int) (string, error) { return soldOutSale, nil }}
	purchase := &variant{name: "purchase", orders: m.Purchases, status: 201, sale: s.fresh(ctx, m.Purchases)}
	all, meter := []*variant{soldOut, purchase}, newMeter(s.cluster)
	for _, v := range all {
		v.site, v.addr, v.pids = s, s.listen(), []int{s.node()}
		v.begin = func(ctx context.Context) (func() error, error) { return m.begin(ctx, s, v, file, meter, out) }
	}
	return all
}

// begin has the node note what its turns cost. end reads that, if the run counts.
func (m *metricsCost) begin(ctx context.Context, s *site, v *variant, file string, meter *meter, out *metricsResult) (end func() error, err error) {
	counted := func() int64 { return meter.sum("onsale_buyerapi_answers_total")[0] }
	before, runs := counted(), len(v.micros)
	if err := unix.Kill(s.node(), beginTurns); err != nil {
		return nil, fmt.Errorf("beginning the node's turns: %w", err)
	}
	return func() error {
		took, err := readTurns(ctx, s.node(), file)
		if err != nil || ctx.Err() != nil || len(v.micros) == runs {
			return err
		}
		want := took.Answers[1]
		if m.Of != "metrics" {
			want += took.Answers[0]
		}
		// Answers that are under way when a turn ends may fall into either.
		if got := counted() - before; math.Abs(float64(got)-float64(want)) > 0.01*float64(v.orders) {
			return fmt.Errorf("the node counted %d answers in its metrics, want %d", got, want)
		}
		if took.Answers[0] == 0 || took.Answers[1] == 0 {
			return fmt.Errorf("a run of %d answers is too short for turns", v.orders)
		}
		out.costs[v.name] = append(out.costs[v.name], [2]float64{took.micros(0), took.micros(1)})
		return nil
	}, nil
}

// readTurns has the node write what its turns cost, and reads it.
func readTurns(ctx context.Context, pid int, file string) (t turned, err error) {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return t, err
	}
	if err := unix.Kill(pid, endTurns); err != nil {
		return t, fmt.Errorf("ending the node's turns: %w", err)
	}
	for until := time.Now().Add(patienceWithTurns); ; pause.For(ctx, time.Millisecond) {
		text, err := os.ReadFile(file)
		switch {
		case err == nil:
			return t, json.Unmarshal(text, &t)
		case ctx.Err() != nil:
			return t, nil
		case !errors.Is(err, os.ErrNotExist) || time.Now().After(until):
			return t, fmt.Errorf("what the node's turns cost: %w", err)
		}
	}
}

// patienceWithTurns is how long a node may take to write what its turns cost.
const patienceWithTurns = 10 * time.Second

// scrapeCost is the node's processor time for one scrape, in microseconds.
func scrapeCost(s *site) (float64, error) {
	const scrapes = 100
	before, err := cpuOf([]int{s.node()})
	if err != nil {
		return 0, err
	}
	for range scrapes {
		if err := process.Get("http://" + s.cluster.Nodes[0].Admin + "/metrics"); err != nil {
			return 0, err
		}
	}
	after, err := cpuOf([]int{s.node()})
	return (after - before) / scrapes * 1e6, err
}

// sum finds the medians, and the ratios of the whole runs with the bounds that they miss.
func (out *metricsResult) sum(all []*variant) {
	for _, v := range all {
		var on, off []float64
		for _, cost := range out.costs[v.name] {
			off, on = append(off, cost[0]), append(on, cost[1])
		}
		if len(on) == 0 {
			continue
		}
		// A node that is asked as fast as it answers uses so much of a processor; scrapes come on top.
		busy := median(on) * median(v.rates) / 1e6
		scraped := out.Scrape / 1e6 / scrapeEvery.Seconds() / busy
		for i := range on {
			on[i] += off[i] * scraped
		}
		out.Micros[v.name+", "+out.Of], out.Micros[v.name+", none"] = median(on), median(off)
		out.Again[v.name] = v.repeated
		r := ratioOf(v.name+": "+out.Of+" against none, CPU of the node", on, off, metricsBound, false)
		out.Ratios = append(out.Ratios, r)
		if !r.kept() {
			out.Missed = append(out.Missed, r.Name)
		}
	}
}

func (out *metricsResult) show() report.Sheet {
	answers := report.Table{Head: []string{"answer", "CPU µs of the node", "runs made again"}}
	for _, name := range []string{"sold out", "purchase"} {
		for _, with := range []string{out.Of, "none"} {
			if micros, measured := out.Micros[name+", "+with]; measured {
				answers.Add(name+", "+with, fmt.Sprintf("%.2f", micros), out.Again[name])
			}
		}
	}
	ratios := report.Table{Head: []string{"ratio", "median", "range", "bound", "kept"}, Caption: fmt.Sprintf("Medians of %d interleaved runs of one node that takes turns.", out.Runs)}
	if out.Of == "metrics" {
		ratios.Caption += fmt.Sprintf(" A scrape takes %.0f µs of the node, and there is one in %v: that is part of the ratios.", out.Scrape, scrapeEvery)
	}
	for _, one := range out.Ratios {
		ratios.Add(one.Name, fmt.Sprintf("%.3f", one.Value), fmt.Sprintf("%.3f … %.3f", one.Low, one.High), fmt.Sprintf("≤ %.2f", one.Bound), one.kept())
	}
	return out.sheet("What "+out.Of+" cost", answers, ratios)
}
