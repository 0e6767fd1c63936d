package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"onsale/bench/report"
	"onsale/internal/adminapi"
	"onsale/internal/line"
	"onsale/internal/operate"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// waiting asks for the documents of sales as often as pages do whose buyers wait in a line, and counts what of that reaches the nodes.
type waiting struct {
	Pages       int           `default:"1000000" help:"Pages that wait, one at each place of a line."`
	LineRate    int           `default:"500" help:"People a second that the line admits: the more, the more often pages ask."`
	Sales       int           `default:"3" help:"The asks are spread over so many sales."`
	Nodes       int           `default:"3" help:"Selling nodes."`
	For         time.Duration `default:"20s" help:"How long they ask."`
	Connections int           `default:"256" help:"Connections that the asks are sent on, as far as possible when they are due."`
	NodeMost    float64       `default:"5" help:"Requests a second that a sale may cost all nodes together."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
}

// waitingResult is what came out.
type waitingResult struct {
	outcome

	Pages    int            `json:"pages"`
	Sales    int            `json:"sales"`
	Rate     float64        `json:"asks_per_second"`      // as due
	Asked    int            `json:"asked"`                // as sent
	Seconds  float64        `json:"seconds"`              // in which they were answered
	Answers  map[string]int `json:"answers"`              // by status, or what was wrong
	Reached  float64        `json:"node_requests_a_sale"` // a second, of each sale
	EdgeCPU  float64        `json:"nginx_us_an_ask"`
	NodesCPU float64        `json:"nodes_percent_of_a_core"`
	P50      float64        `json:"p50_ms"` // from when an ask was due
	P99      float64        `json:"p99_ms"`
}

// Validate reports every fault at once, or nil.
func (b *waiting) Validate() error {
	var w wants
	w.positive("--pages", b.Pages)
	w.positive("--line-rate", b.LineRate)
	w.positive("--sales", b.Sales)
	w.positive("--nodes", b.Nodes)
	w.that(b.For >= time.Second, "--for", b.For, "at least 1s")
	w.that(b.Connections >= 1 && b.Connections <= 4096, "--connections", b.Connections, "1 to 4096")
	w.that(b.NodeMost > 0, "--node-most", b.NodeMost, "more than 0 requests a second")
	w.programs(b.Binaries)
	return errors.Join(w...)
}

// asksPerSecond is how often so many pages ask, one at each place.
func asksPerSecond(pages, rate int) (asks float64) {
	const chances = 10 // over which the waits are spread
	for place := int64(1); place <= int64(pages); place++ {
		for c := range chances {
			asks += 1 / line.AskAgain(place, rate, (float64(c)+.5)/chances) / chances
		}
	}
	return asks
}

// Run asks, and judges what came of it.
func (b *waiting) Run(ctx context.Context) error {
	if err := b.prepare(); err != nil {
		return err
	}
	r := &waitingResult{outcome: newOutcome(ctx), Pages: b.Pages, Sales: b.Sales, Rate: asksPerSecond(b.Pages, b.LineRate)}
	s, err := testbed.Start(ctx, testbed.Options{Nodes: b.Nodes, Allocators: 1, Balancer: true, Binaries: b.Binaries, Progress: logLine})
	if err != nil {
		return err
	}
	err = b.measure(ctx, s, r)
	outlived, cancel := outliving(ctx)
	defer cancel()
	aerr := b.audit(outlived, s, r)
	closed(s.Close())
	if r.Asked == 0 {
		return err // nothing was measured
	}
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it is only the interruption
	} else {
		b.judge(r)
	}
	return b.conclude(r, errors.Join(err, aerr))
}

// audit audits the sales, in Redis alone: whoever only asks changes nothing.
func (b *waiting) audit(ctx context.Context, s *testbed.Site, r *waitingResult) error {
	for i := range b.Sales {
		id := waitingSale(i)
		a, err := operate.Audit(ctx, s.Stores(), id, 0, zap.NewNop())
		if err != nil {
			return err
		}
		r.Faults = append(r.Faults, a.Faults...)
		if n := len(a.Orders); n > 0 {
			r.Faults = append(r.Faults, fmt.Sprintf("sale %s has %d orders, and nobody bought", id, n))
		}
	}
	return nil
}

// waitingSale is the id of a sale that pages ask for.
func waitingSale(n int) sale.ID { return sale.ID(fmt.Sprint("waiting-", n)) }

// measure opens the sales and asks.
func (b *waiting) measure(ctx context.Context, s *testbed.Site, r *waitingResult) error {
	p := pages{addr: strings.TrimPrefix(s.Front(), "http://"), rate: r.Rate, last: b.For, connections: b.Connections}
	for i := range b.Sales {
		id := string(waitingSale(i))
		p.sales = append(p.sales, id)
		opens := time.Now().Add(time.Hour)
		d := adminapi.Definition{ID: id, Title: "Concert", Currency: "EUR", Price: 4200, Total: 10_000, OpensAt: &opens, Admission: "line", LineRate: b.LineRate,
			Rules: strings.Repeat("No refunds. ", 40)}
		if err := s.Open(ctx, d); err != nil {
			return err
		}
		if err := s.AwaitSale(ctx, id); err != nil {
			return err
		}
	}
	const shown = `onsale_buyerapi_answers_total{code="ok",endpoint="show-sale"`
	m := newMeter(s)
	before := m.sum(shown)[0]
	cpu, err := s.CPU()
	if err != nil {
		return err
	}
	logLine(fmt.Sprintf("%.0f asks a second for %v", r.Rate, b.For))
	began := time.Now()
	asked := p.run(ctx)
	r.Seconds = time.Since(began).Seconds()
	after, err := s.CPU()
	if err != nil {
		return err
	}
	r.Asked, r.Answers = asked.asked, asked.answers
	r.P50, r.P99 = asked.latency.Quantile(0.5).Seconds()*1000, asked.latency.Quantile(0.99).Seconds()*1000
	r.Reached = float64(m.sum(shown)[0]-before) / r.Seconds / float64(b.Sales)
	if r.Asked > 0 {
		r.EdgeCPU = (after["nginx"] - cpu["nginx"]) / float64(r.Asked) * 1e6
	}
	r.NodesCPU = 100 * (after["nodes"] - cpu["nodes"]) / r.Seconds
	return nil
}

// judge puts the figures beside what they may be.
func (b *waiting) judge(r *waitingResult) {
	if r.Reached > b.NodeMost {
		r.Missed = append(r.Missed, fmt.Sprintf("a sale cost the nodes %.1f requests a second, more than %.1f", r.Reached, b.NodeMost))
	}
	for answer, n := range r.Answers {
		if answer != documentAnswer {
			r.Faults = append(r.Faults, fmt.Sprintf("%d of %d asks were answered: %s", n, r.Asked, answer))
		}
	}
	if r.Reached == 0 {
		r.Faults = append(r.Faults, "no ask reached a node: the documents were older than they may be, or the nodes' counter has another name")
	}
	if sent := float64(r.Asked) / r.Seconds; sent < 0.9*r.Rate {
		r.Unshown = append(r.Unshown, fmt.Sprintf("%.0f of %.0f asks a second were answered: this machine had too little time for them", sent, r.Rate))
	}
}

func (r *waitingResult) show() report.Sheet {
	t := report.Table{Head: []string{"what", "figure"}}
	t.Add("pages that wait, over so many sales", fmt.Sprintf("%d, %d", r.Pages, r.Sales))
	t.Add("asks a second, due and answered", fmt.Sprintf("%.0f, %.0f", r.Rate, float64(r.Asked)/r.Seconds))
	t.Add("answers", fmt.Sprint(r.Answers))
	t.Add("requests to nodes a second, of each sale", fmt.Sprintf("%.2f", r.Reached))
	t.Add("Nginx, µs of a core for an ask", fmt.Sprintf("%.1f", r.EdgeCPU))
	t.Add("all nodes, % of a core", fmt.Sprintf("%.1f", r.NodesCPU))
	t.Add("p50 and p99 from when it was due, ms", fmt.Sprintf("%.1f, %.1f", r.P50, r.P99))
	return r.sheet("Pages that wait in a line", t)
}
