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
	"time"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// metricsCost compares a node that counts and times what it does, and is scraped, with one that
// does not, in turns within one run. Two nodes that do the same show what such a comparison can't tell apart.
type metricsCost struct {
	Runs        int    `default:"11" help:"Interleaved runs; medians of their ratios are compared."`
	Connections int    `default:"256" help:"Connections at the same time."`
	Requests    int    `default:"150000" help:"Sold-out answers a run."`
	Purchases   int    `default:"40000" help:"Purchases a run, each of another buyer."`
	Of          string `default:"metrics" enum:"metrics,tracing,nothing" help:"What the first node does and the second does not: metrics, which are scraped; tracing, of one purchase in 1,000, where both have metrics; or nothing, to see how far apart two equal nodes measure."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	measured func(run int) // called after each run, for tests; may be nil
}

// metricsResult is the whole outcome.
type metricsResult struct {
	outcome

	Of     string             `json:"of"`                // what was compared: metrics or tracing
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
	measured, err := m.onSites(ctx, out)
	if !measured {
		return err
	}
	return m.conclude(out, err)
}

// onSites starts a site with metrics and one without, measures on them, and ends them. measured is
// false if it did not get as far as measuring.
func (m *metricsCost) onSites(ctx context.Context, out *metricsResult) (measured bool, err error) {
	self, err := os.Executable()
	if err != nil {
		return false, err
	}
	spans := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer spans.Close()
	onCommand, offCommand := []string{self, "node"}, []string{self, "node", "--unmeasured"}
	if m.Of != "metrics" {
		offCommand = offCommand[:2]
	}
	if m.Of == "tracing" {
		onCommand = append(onCommand, "--otlp-endpoint", spans.URL)
	}
	on, err := startSite(ctx, testbed.Options{Binaries: m.Binaries, NodeCommand: onCommand})
	if err != nil {
		return false, err
	}
	defer on.close()
	off, err := startSite(ctx, testbed.Options{Binaries: m.Binaries, NodeCommand: offCommand, Issuer: on.cluster.Issuer})
	if err != nil {
		return false, err
	}
	defer off.close()
	for _, s := range []*site{on, off} {
		if _, err := s.recordSoldOut(ctx); err != nil {
			return false, err
		}
	}
	g, err := generator.Start(ctx, filepath.Join(on.cluster.Dir, "keys.json"), max(m.Requests, m.Purchases))
	if err != nil {
		return false, err
	}
	defer func() {
		if err := g.Stop(); err != nil {
			logLine(err.Error())
		}
	}()
	scraping, stop := context.WithCancel(ctx)
	scraped := make(chan struct{})
	go func() {
		defer close(scraped)
		scraped := []string{on.cluster.Nodes[0].Admin}
		if m.Of != "metrics" {
			scraped = append(scraped, off.cluster.Nodes[0].Admin)
		}
		scrape(scraping, scraped)
	}()
	defer func() { stop(); <-scraped }()

	variants := m.variants(ctx, on, off)
	out.Runs, err = inTurns(ctx, g, variants, m.Runs, m.Connections, m.measured)
	if out.Interrupted = ctx.Err() != nil; out.Interrupted {
		err = nil // it is only the interruption
	}
	outlived, cancel := outliving(ctx)
	defer cancel()
	unsold := 0 // by a run that was cut off
	if out.Runs < m.Runs {
		unsold = 1
	}
	for site, again := range map[*site]int{on: variants[2].repeated + unsold, off: variants[3].repeated + unsold} {
		faults, aerr := site.audit(outlived, again)
		out.Faults, err = append(out.Faults, faults...), errors.Join(err, aerr)
	}
	out.sum(variants)
	return true, err
}

// variants are both ways to answer with metrics and without. The node's processor time alone counts.
func (m *metricsCost) variants(ctx context.Context, on, off *site) []*variant {
	constant := func(int) (string, error) { return soldOutSale, nil }
	of := func(name string, s *site) *variant {
		return &variant{name: name, site: s, addr: s.listen(), pids: []int{s.node()}}
	}
	all := []*variant{of("sold out, "+m.Of, on), of("sold out, none", off), of("purchase, "+m.Of, on), of("purchase, none", off)}
	for i, s := range []*site{on, off} {
		all[i].sale, all[i].orders, all[i].status = constant, m.Requests, 409
		all[2+i].sale, all[2+i].orders, all[2+i].status = s.fresh(ctx, m.Purchases), m.Purchases, 201
	}
	return all
}

// scrape reads the metrics as Prometheus does, until ctx ends.
func scrape(ctx context.Context, admins []string) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(scrapeEvery):
		}
		for _, admin := range admins {
			if err := process.Get("http://" + admin + "/metrics"); err != nil && ctx.Err() == nil {
				logLine("scrape: " + err.Error())
			}
		}
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

// scraped is which nodes are.
func (out *metricsResult) scraped() string {
	if out.Of == "metrics" {
		return "the first node is scraped"
	}
	return "both nodes are scraped"
}

func (out *metricsResult) show() report.Sheet {
	answers := report.Table{Head: []string{"answer", "CPU µs of the node", "runs made again"}}
	for _, name := range []string{"sold out, " + out.Of, "sold out, none", "purchase, " + out.Of, "purchase, none"} {
		if micros, measured := out.Micros[name]; measured {
			answers.Add(name, fmt.Sprintf("%.2f", micros), out.Again[name])
		}
	}
	ratios := report.Table{Head: []string{"ratio", "median", "range", "bound", "kept"}, Caption: fmt.Sprintf("Medians of %d interleaved runs; %s every %v.", out.Runs, out.scraped(), scrapeEvery)}
	for _, one := range out.Ratios {
		ratios.Add(one.Name, fmt.Sprintf("%.3f", one.Value), fmt.Sprintf("%.3f … %.3f", one.Low, one.High), fmt.Sprintf("≤ %.2f", one.Bound), one.kept())
	}
	return out.sheet("What "+out.Of+" cost", answers, ratios)
}
