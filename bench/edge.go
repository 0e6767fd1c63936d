package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/bench/report"
	"onsale/internal/adminapi"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// edge measures what Nginx takes: for answers that it passes on and for those that it has, for
// handshakes, and for connections that are idle. onsale plan reads it.
type edge struct {
	Runs        int `default:"5" help:"Runs; medians are shown."`
	Connections int `default:"64" help:"Connections at the same time."`
	Requests    int `default:"60000" help:"Purchases a run of a sale that is sold out."`
	Purchases   int `default:"20000" help:"Purchases a run that are sold, each of another buyer."`
	Handshakes  int `default:"2000" help:"TLS handshakes a run, with a key for P-256."`
	Idle        int `default:"2000" help:"Idle connections, with TLS and without."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
}

// edgeResult is the whole outcome.
type edgeResult struct {
	outcome

	Micros    map[string]float64 `json:"nginx_us"`                 // medians, a request or a handshake
	SoldOut   []soldOutWay       `json:"sold_out"`                 // the ways in which Nginx can answer that, in turns
	Memory    map[string]float64 `json:"nginx_bytes_a_connection"` // that is idle
	Exchanges map[string]size    `json:"bytes"`                    // as the generator sends and gets them
}

// size is how many bytes go each way.
type size struct {
	Up   int `json:"up"`
	Down int `json:"down"`
}

// What Nginx is measured for.
const (
	edgeSoldOut   = "sold out"
	edgePurchase  = "purchase"
	edgeDocument  = "document"
	edgeHandshake = "handshake"
	edgePlain     = "plain"
	edgeTLS       = "tls"
)

// Validate reports every fault at once, or nil.
func (e *edge) Validate() error {
	var w wants
	w.positive("--runs", e.Runs)
	w.positive("--connections", e.Connections)
	w.positive("--requests", e.Requests)
	w.positive("--purchases", e.Purchases)
	w.positive("--handshakes", e.Handshakes)
	w.that(e.Idle >= 100 && e.Idle <= 10_000, "--idle", e.Idle, "100 to 10000")
	w.programs(e.Binaries)
	return errors.Join(w...)
}

// Run measures and publishes.
func (e *edge) Run(ctx context.Context) error {
	if err := e.prepare(); err != nil {
		return err
	}
	r := &edgeResult{outcome: newOutcome(ctx), Micros: map[string]float64{}, Memory: map[string]float64{}, Exchanges: map[string]size{}}
	s, err := testbed.Start(ctx, testbed.Options{Nodes: 1, Allocators: 1, Balancer: true, Binaries: e.Binaries, Progress: logLine})
	if err != nil {
		return err
	}
	err = e.measure(ctx, s, r)
	closed(s.Close())
	if len(r.Micros) == 0 {
		return err // nothing was measured
	}
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it is only the interruption
	}
	return e.conclude(r, err)
}

func (e *edge) measure(ctx context.Context, s *testbed.Site, r *edgeResult) error {
	g, err := generator.Start(ctx, filepath.Join(s.Dir, "keys.json"), max(e.Requests, e.Purchases))
	if err != nil {
		return err
	}
	defer func() { closed(g.Stop()) }()
	if err := e.sell(ctx, s, g, r); err != nil {
		return err
	}
	if r.Memory[edgePlain], err = e.idle(ctx, s, dialPlain(s.Nginx.Port)); err != nil {
		return err
	}
	return e.secure(ctx, s, r)
}

// sell sends purchases through Nginx: of sales that sell, and of one that is sold out.
func (e *edge) sell(ctx context.Context, s *testbed.Site, g *generator.Process, r *edgeResult) error {
	store, closeStore, err := connect(s.Redis.Addr())
	if err != nil {
		return err
	}
	defer func() { closed(closeStore()) }()
	micros := map[string][]float64{}
	answers := map[string]judge.Answers{}
	for run := range e.Runs {
		id := fmt.Sprintf("run-%d", run)
		if err := s.Open(ctx, adminapi.Definition{ID: id, Title: id, Currency: "EUR", Price: 4200, Total: int64(e.Purchases) + 1, HoldSeconds: 3600}); err != nil {
			return err
		}
		if answers[id], err = e.weigh(s, id, r); err != nil {
			return err
		}
		for _, of := range []struct {
			name     string
			requests int
		}{{edgePurchase, e.Purchases}, {edgeSoldOut, e.Requests}} {
			if of.name == edgeSoldOut {
				if err := awaitLease(ctx, s, id); err != nil {
					return err
				}
			}
			before, err := cpuOf([]int{s.Nginx.Pid()})
			if err != nil {
				return err
			}
			b, err := g.Run(ctx, generator.Order{Addr: frontAddr(s), Sale: id, Requests: of.requests, Connections: e.Connections, Timeout: 20 * time.Second, Patience: time.Minute})
			answers[id] = answers[id].And(judge.FromRun(b))
			if err != nil {
				return err
			}
			after, err := cpuOf([]int{s.Nginx.Pid()})
			if err != nil {
				return err
			}
			micros[of.name] = append(micros[of.name], (after-before)/float64(b.Completed)*1e6)
		}
		a, err := store.Snapshot(ctx, sale.ID(id))
		if err != nil {
			return err
		}
		r.Faults = append(r.Faults, judge.Faults(sale.ID(id), judge.FromSnapshot(a), answers[id])...)
		logLine(fmt.Sprintf("run %d of %d", run+1, e.Runs))
	}
	for name, each := range micros {
		r.Micros[name] = median(each)
	}
	return e.soldOutWays(ctx, s, g, fmt.Sprintf("run-%d", e.Runs-1), r)
}

// frontAddr is where buyers find Nginx.
func frontAddr(s *testbed.Site) string { return strings.TrimPrefix(s.Front(), "http://") }

// weigh counts the bytes of a purchase and its answer, and of the sale's document. Its buyer has the one ticket more.
func (e *edge) weigh(s *testbed.Site, id string, r *edgeResult) (judge.Answers, error) {
	token, err := s.Issuer.Token("weighed", time.Hour)
	if err != nil {
		return judge.Answers{}, err
	}
	var bought []byte
	for _, of := range []struct {
		name    string
		request []byte
	}{
		{edgeDocument, fmt.Appendf(nil, "GET /v1/sales/%s HTTP/1.1\r\nHost: onsale\r\n\r\n", id)},
		{edgePurchase, generator.Purchase(id, token)},
	} {
		conn, err := net.Dial("tcp", frontAddr(s))
		if err != nil {
			return judge.Answers{}, err
		}
		answer, err := exchange(conn, of.request)
		if err := errors.Join(err, conn.Close()); err != nil {
			return judge.Answers{}, err
		}
		r.Exchanges[of.name], bought = size{Up: len(of.request), Down: len(answer)}, answer
	}
	a, _, err := generator.ReadAnswer(bought)
	if err != nil || a.Class != generator.ClassSold {
		return judge.Answers{}, fmt.Errorf("a purchase is answered %.80q: %w", bought, err)
	}
	return judge.Answers{Acks: []generator.Ack{{Buyer: "weighed", Order: a.Order}}}, nil
}

func (r *edgeResult) show() report.Sheet {
	t := report.Table{Head: []string{"Nginx", "figure"}}
	for _, name := range []string{edgePurchase, edgeSoldOut, edgeHandshake} {
		t.Add("CPU µs, "+name, fmt.Sprintf("%.1f", r.Micros[name]))
	}
	for _, name := range []string{edgePlain, edgeTLS} {
		t.Add("memory of an idle connection, "+name, fmt.Sprintf("%.1f KB", r.Memory[name]/1000))
	}
	for _, name := range []string{edgePurchase, edgeDocument, edgeHandshake} {
		t.Add("bytes up and down, "+name, fmt.Sprintf("%d, %d", r.Exchanges[name].Up, r.Exchanges[name].Down))
	}
	w := report.Table{Head: []string{"Nginx answers sold out by", "CPU µs", "to return alone"}}
	for _, each := range r.SoldOut {
		w.Add(each.Name, fmt.Sprintf("%.1f", each.Micros), fmt.Sprintf("%.2f × (%.2f … %.2f)", each.Ratio.Value, each.Ratio.Low, each.Ratio.High))
	}
	return r.sheet("What Nginx takes", t, w)
}
