package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/mattn/go-isatty"
	"go.uber.org/zap"

	"onsale/bench/generator"
	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/testbed"
)

// headline sells one sale through a real cluster while parts of it die.
type headline struct {
	Buyers      int     `default:"100000" help:"Buyers, each with a token of its own, who buy once."`
	Tickets     int64   `default:"10000" help:"Tickets in the sale."`
	Nodes       int     `default:"5" help:"Selling nodes."`
	Connections int     `default:"256" help:"Buyers at the same time."`
	Rate        float64 `help:"Buyers a second, who come on schedule whatever the answers do (open loop); 0: as fast as they are answered (closed loop)."`
	faults      `embed:""`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
	Keep        string `help:"Folder to keep data and logs in; without it they are removed." type:"path"`

	begun func() // called when the first buyer comes, for tests; may be nil
}

const benchSale = "headline"

// Validate reports every fault at once, or nil.
func (h *headline) Validate() error {
	var w wants
	w.positive("--buyers", h.Buyers)
	w.that(h.Tickets >= 1, "--tickets", h.Tickets, "at least 1")
	w.positive("--nodes", h.Nodes)
	w.that(h.Connections >= 1 && h.Connections <= generator.MaxConnections, "--connections", h.Connections, fmt.Sprintf("1 to %d", generator.MaxConnections))
	w.that(h.Rate >= 0 && h.Rate <= generator.MaxRate, "--rate", h.Rate, fmt.Sprintf("1 to %d buyers a second, or 0 for as fast as they are answered", generator.MaxRate))
	h.validate(&w, h.Nodes)
	w.programs(h.Binaries)
	return errors.Join(w...)
}

// Run starts the cluster, sells, and audits, also what an interrupted run sold.
func (h *headline) Run(ctx context.Context) error {
	if err := h.prepare(); err != nil {
		return err
	}
	origin := newOutcome(ctx)
	c, err := testbed.Start(ctx, testbed.Options{Nodes: h.Nodes, Allocators: 1, Ledgers: 1, Binaries: h.Binaries, Dir: h.Keep, Progress: logLine})
	if err != nil {
		return err
	}
	r, err := h.sell(ctx, c, origin)
	closed(c.Close())
	if r == nil {
		return err
	}
	r.finish()
	return errors.Join(err, h.publish(salePage{published{r}, r.page()}), r.err())
}

// sell runs the buyers and the faults side by side, and returns what came out,
// also of a run that was interrupted.
func (h *headline) sell(ctx context.Context, c *testbed.Site, origin outcome) (*headlineResult, error) {
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return nil, err
	}
	defer closeStore()
	logLine(fmt.Sprintf("signing %d tokens", h.Buyers))
	g, err := generator.Start(ctx, filepath.Join(c.Dir, "keys.json"), h.Buyers)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := g.Stop(); err != nil {
			logLine("buyers: " + err.Error())
		}
	}()
	m := newMeter(c)
	script := newFaultScript(h.faults, c, store, m, h.Tickets)
	if err := script.open(ctx, adminapi.Definition{ID: benchSale, Title: "Headline", Currency: "EUR", Price: 4200, Total: h.Tickets, HoldSeconds: 3600}); err != nil {
		return nil, err
	}
	logLine(fmt.Sprintf("%d buyers come for %d tickets", h.Buyers, h.Tickets))
	if err := settleMemory(); err != nil {
		return nil, err
	}
	script.start = time.Now()
	if h.begun != nil {
		h.begun()
	}
	drain := drainWatch{start: script.start}
	var serr error
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	var watchers sync.WaitGroup
	watchers.Go(func() { serr = script.run(watching) })
	watchers.Go(func() { script.lag.follow(watching, store) })
	watchers.Go(func() { drain.follow(watching, store) })
	run, err := h.come(ctx, g, c)
	interrupted := ctx.Err() != nil
	cancel()
	watchers.Wait()
	if err != nil && !errors.Is(err, generator.ErrStopped) || run.Visits == nil {
		return nil, errors.Join(fmt.Errorf("buyers: %w", err), serr)
	}
	if serr != nil {
		serr = fmt.Errorf("faults: %w", serr)
	}
	if interrupted {
		script.unshown = nil // it was not given the time
	}
	outlived, cancelAudit := outliving(ctx)
	defer cancelAudit()
	r, err := h.audit(outlived, c, store, m, run, script, interrupted, origin)
	if r != nil {
		r.nodes = drain.nodes
	}
	return r, errors.Join(serr, err)
}

// come has all buyers come, with a bar where a person watches. Of a run that ctx ends it returns
// what was measured by then, and generator.ErrStopped.
func (h *headline) come(ctx context.Context, g *generator.Process, c *testbed.Site) (generator.Run, error) {
	progress := func(int64) {}
	if isatty.IsTerminal(os.Stderr.Fd()) {
		bar := pb.New(h.Buyers).SetWriter(os.Stderr).Start()
		defer bar.Finish()
		progress = func(done int64) { bar.SetCurrent(done) }
	}
	return g.Follow(ctx, generator.Order{
		Addr: c.Front()[len("http://"):], Sale: benchSale, Requests: h.Buyers, Connections: h.Connections, Rate: h.Rate,
		Timeout: 15 * time.Second, Patience: 30 * time.Second, Repeat: 10,
	}, progress)
}

// connect makes a store of the bench's own, for watching and auditing.
func connect(addr string) (*remotestock.Store, func() error, error) {
	remotestock.SetLog(zap.NewNop()) // callers get failures as errors
	config := remotestock.DefaultConfig(addr)
	config.Call = 10 * time.Second // an audit reads everything at once
	client, err := remotestock.Dial(config)
	if err != nil {
		return nil, nil, err
	}
	return remotestock.New(client, "bench", config, remotestock.Hooks{}, zap.NewNop()), client.Close, nil
}

// logLine prints a line of progress to standard error: standard output is for results.
func logLine(what string) { fmt.Fprintln(os.Stderr, what) }
