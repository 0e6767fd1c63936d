package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/internal/pause"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// metricsCost compares a node that counts and times what it does, and is scraped, with the same node while it does
// not, in turns. Two nodes would differ by more: where their memory happens to be costs more than metrics do.
type metricsCost struct {
	Runs        int    `default:"25" help:"Interleaved runs; medians of their ratios are compared."`
	Connections int    `default:"256" help:"Connections at the same time."`
	Requests    int    `default:"150000" help:"Sold-out answers a run."`
	Purchases   int    `default:"40000" help:"Purchases a run, each of another buyer."`
	Of          string `default:"metrics" enum:"metrics,tracing,nothing" help:"What is switched on and off: metrics, which are scraped while they are on; tracing, of one purchase in 1,000, with metrics on all the time; or nothing, to see what such a comparison can't tell apart."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	measured func(run int) // called after each run, for tests; may be nil
}

// metricsResult is the whole outcome.
type metricsResult struct {
	outcome

	Of     string             `json:"of"`                // what was switched
	Runs   int                `json:"runs"`              // that were whole, which the ratios are of
	Micros map[string]float64 `json:"cpu_us_per_answer"` // of the node, medians
	Again  map[string]int     `json:"runs_made_again"`   // because Redis stalled
	Ratios []ratio            `json:"ratios"`
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
	w.programs(m.Binaries)
	return errors.Join(w...)
}

// Run measures and publishes, also the runs before an interruption.
func (m *metricsCost) Run(ctx context.Context) error {
	if err := m.prepare(); err != nil {
		return err
	}
	out := &metricsResult{outcome: newOutcome(ctx), Of: m.Of, Micros: map[string]float64{}, Again: map[string]int{}}
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
	command := []string{self, "node", "--switched", m.Of}
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
	variants := m.variants(ctx, s)
	out.Runs, err = inTurns(ctx, g, variants, m.Runs, m.Connections, m.measured)
	if out.Interrupted = ctx.Err() != nil; out.Interrupted {
		err = nil // it is only the interruption
	}
	outlived, cancel := outliving(ctx)
	defer cancel()
	unsold := variants[2].repeated + variants[3].repeated
	if out.Runs < m.Runs {
		unsold += 2 // of a run that was cut off
	}
	faults, aerr := s.audit(outlived, unsold)
	out.Faults, err = faults, errors.Join(err, aerr)
	out.sum(variants)
	return true, err
}

// variants are both ways to answer, switched on and off. The node's processor time alone counts.
func (m *metricsCost) variants(ctx context.Context, s *site) []*variant {
	meter := newMeter(s.cluster)
	of := func(name string, on bool) *variant {
		v := &variant{name: name, site: s, addr: s.listen(), pids: []int{s.node()}}
		v.begin = func(ctx context.Context) (func() error, error) { return m.turn(ctx, s, meter, on, v.orders) }
		return v
	}
	all := []*variant{of("sold out, "+m.Of, true), of("sold out, none", false), of("purchase, "+m.Of, true), of("purchase, none", false)}
	for i, v := range all {
		if i < 2 {
			v.sale, v.orders, v.status = func(int) (string, error) { return soldOutSale, nil }, m.Requests, 409
		} else {
			v.sale, v.orders, v.status = s.fresh(ctx, m.Purchases), m.Purchases, 201
		}
	}
	return all
}

// turn switches the node on or off for a run, and has it scraped as it would be. end reports whether the node counted
// what it should have.
func (m *metricsCost) turn(ctx context.Context, s *site, meter *meter, on bool, answers int) (end func() error, err error) {
	by := switchOn
	if !on {
		by = switchOff
	}
	if err := unix.Kill(s.node(), by); err != nil {
		return nil, fmt.Errorf("switching the node: %w", err)
	}
	pause.For(ctx, switches)
	counted := func() int64 { return meter.sum("onsale_buyerapi_answers_total")[0] }
	before, want := counted(), int64(answers)
	if m.Of == "metrics" && !on {
		want = 0
	}
	scraping, stop := context.WithCancel(ctx)
	var scraper sync.WaitGroup
	if want > 0 {
		scraper.Go(func() { scrape(scraping, s.cluster.Nodes[0].Admin) })
	}
	return func() error {
		stop()
		scraper.Wait()
		if got := counted() - before; got != want && ctx.Err() == nil {
			return fmt.Errorf("the node counted %d answers of %d, want %d", got, answers, want)
		}
		return nil
	}, nil
}

// switches is how long a node may take to be switched.
const switches = 50 * time.Millisecond

// scrape reads the metrics as Prometheus does, at once and then in its interval, until ctx ends.
func scrape(ctx context.Context, admin string) {
	for ctx.Err() == nil {
		if err := process.Get("http://" + admin + "/metrics"); err != nil && ctx.Err() == nil {
			logLine("scrape: " + err.Error())
		}
		pause.For(ctx, scrapeEvery)
	}
}

// sum finds the medians, and the ratios of the whole runs with the bounds that they miss.
func (out *metricsResult) sum(v []*variant) {
	for _, one := range v {
		if len(one.micros) > 0 {
			out.Micros[one.name], out.Again[one.name] = median(one.micros), one.repeated
		}
	}
	whole := out.Runs
	if whole == 0 {
		return
	}
	out.Ratios = []ratio{
		ratioOf("sold out: "+out.Of+" against none, CPU of the node", v[0].micros[:whole], v[1].micros[:whole], metricsBound, false),
		ratioOf("purchase: "+out.Of+" against none, CPU of the node", v[2].micros[:whole], v[3].micros[:whole], metricsBound, false),
	}
	for _, one := range out.Ratios {
		if !one.kept() {
			out.Missed = append(out.Missed, one.Name)
		}
	}
}

func (out *metricsResult) show() report.Sheet {
	answers := report.Table{Head: []string{"answer", "CPU µs of the node", "runs made again"}}
	for _, name := range []string{"sold out, " + out.Of, "sold out, none", "purchase, " + out.Of, "purchase, none"} {
		if micros, measured := out.Micros[name]; measured {
			answers.Add(name, fmt.Sprintf("%.2f", micros), out.Again[name])
		}
	}
	ratios := report.Table{Head: []string{"ratio", "median", "range", "bound", "kept"}, Caption: fmt.Sprintf("Medians of %d interleaved runs of one node; while it has metrics it is scraped once a run, and again after %v.", out.Runs, scrapeEvery)}
	for _, one := range out.Ratios {
		ratios.Add(one.Name, fmt.Sprintf("%.3f", one.Value), fmt.Sprintf("%.3f … %.3f", one.Low, one.High), fmt.Sprintf("≤ %.2f", one.Bound), one.kept())
	}
	return out.sheet("What "+out.Of+" cost", answers, ratios)
}
