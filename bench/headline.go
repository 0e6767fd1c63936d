package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

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
	JSON        string `help:"File for the result." type:"path"`
	HTML        string `help:"File for a page that opens offline: latencies, cost, and the stock of every node over time." type:"path"`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`
	Keep        string `help:"Folder to keep data and logs in; without it they are removed." type:"path"`

	begun func() // called when the first buyer comes, for tests; may be nil
}

const saleID = "headline"

// Validate reports every fault at once, or nil.
func (h *headline) Validate() error {
	var w wants
	w.positive("--buyers", h.Buyers)
	w.that(h.Tickets >= 1, "--tickets", h.Tickets, "at least 1")
	w.positive("--nodes", h.Nodes)
	w.positive("--connections", h.Connections)
	w.that(h.Rate >= 0 && !math.IsInf(h.Rate, 0), "--rate", h.Rate, "buyers a second, or 0 for as fast as they are answered")
	h.validate(&w, h.Nodes)
	w.programs(h.Binaries)
	return errors.Join(w...)
}

// Run starts the cluster, sells, and audits, also what an interrupted run sold.
func (h *headline) Run(ctx context.Context) error {
	if err := creatable(h.JSON, h.HTML); err != nil {
		return err
	}
	c, err := testbed.Start(ctx, testbed.Options{Nodes: h.Nodes, Allocators: 1, Ledgers: 1, Binaries: h.Binaries, Dir: h.Keep, Progress: say})
	if err != nil {
		return err
	}
	result, drain, err := h.sell(ctx, c)
	if cerr := c.Close(); cerr != nil {
		say("closing: " + cerr.Error())
	}
	if result == nil {
		return err
	}
	err = errors.Join(err, printJSON(result, h.JSON))
	if h.HTML != "" {
		outlived, cancel := outliving(ctx)
		defer cancel()
		err = errors.Join(err, h.page(outlived, result, drain))
	}
	return ended(err, result.Interrupted, result.Faults, result.Unshown)
}

// sell runs the buyers and the faults side by side, and returns what came out,
// also of a run that was interrupted.
func (h *headline) sell(ctx context.Context, c *testbed.Site) (*result, *drainWatch, error) {
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return nil, nil, err
	}
	defer closeStore()
	b, err := startBuyers(ctx, &load{
		Front: c.Front(), Sale: saleID, Keys: filepath.Join(c.Dir, "keys.json"), Out: filepath.Join(c.Dir, "seen.json"),
		Buyers: h.Buyers, Connections: h.Connections, Rate: h.Rate, Repeat: 10, Patience: 30 * time.Second,
	})
	if err != nil {
		return nil, nil, err
	}
	defer b.stop()
	m := newMeter(c)
	story := newStory(h.faults, c, store, m, h.Tickets)
	if err := story.open(ctx, adminapi.Definition{ID: saleID, Title: "Headline", Currency: "EUR", Price: 4200, Total: h.Tickets, HoldSeconds: 3600}); err != nil {
		return nil, nil, err
	}
	say(fmt.Sprintf("%d buyers come for %d tickets", h.Buyers, h.Tickets))
	if err := settleMemory(); err != nil {
		return nil, nil, err
	}
	story.start = time.Now()
	if err := b.start(); err != nil {
		return nil, nil, err
	}
	if h.begun != nil {
		h.begun()
	}
	drain := drainWatch{start: story.start}
	var serr error
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	var watchers sync.WaitGroup
	watchers.Go(func() { serr = story.tell(watching) })
	watchers.Go(func() { story.lag.follow(watching, store) })
	if h.HTML != "" {
		watchers.Go(func() { drain.follow(watching, store) })
	}
	seen, err := b.finish(h.Buyers)
	interrupted := ctx.Err() != nil
	cancel()
	watchers.Wait()
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("buyers: %w", err), serr)
	}
	if serr != nil {
		serr = fmt.Errorf("faults: %w", serr)
	}
	if interrupted {
		story.unshown = nil // it was not given the time
	}
	outlived, cancelAudit := outliving(ctx)
	defer cancelAudit()
	r, err := h.audit(outlived, c, store, m, seen, story, interrupted)
	return r, &drain, errors.Join(serr, err)
}

// connect makes a store of the bench's own, for watching and auditing.
func connect(addr string) (*remotestock.Store, func() error, error) {
	remotestock.SetLog(zap.NewNop()) // who calls hears of failures as errors
	config := remotestock.DefaultConfig(addr)
	config.Call = 10 * time.Second // an audit reads everything at once
	client, err := remotestock.Dial(config)
	if err != nil {
		return nil, nil, err
	}
	return remotestock.New(client, "bench", config, remotestock.Hooks{}, zap.NewNop()), client.Close, nil
}

// say tells a person what goes on; standard output is for results.
func say(what string) { fmt.Fprintln(os.Stderr, what) }
