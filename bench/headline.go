package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/cluster"
	"onsale/internal/remotestock"
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
}

const saleID = "headline"

// Run starts the cluster, sells, and audits.
func (h *headline) Run(ctx context.Context) error {
	if err := h.validate(h.Nodes); err != nil {
		return err
	}
	c, err := cluster.Start(ctx, cluster.Options{Nodes: h.Nodes, Allocators: 1, Ledgers: 1, Binaries: h.Binaries, Dir: h.Keep, Progress: say})
	if err != nil {
		return err
	}
	result, err := h.sell(ctx, c)
	if cerr := c.Close(); cerr != nil {
		say("closing: " + cerr.Error())
	}
	if result == nil {
		return err
	}
	if werr := printJSON(result, h.JSON); werr != nil {
		return werr
	}
	if err == nil && len(result.Faults) > 0 {
		err = errBroken
	}
	return err
}

// sell runs the buyers and the faults side by side, and returns what came out,
// also of a run that was interrupted.
func (h *headline) sell(ctx context.Context, c *cluster.Cluster) (*result, error) {
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return nil, err
	}
	defer closeStore()
	b, err := startBuyers(ctx, &load{
		Front: c.Front(), Sale: saleID, Keys: filepath.Join(c.Dir, "keys.json"), Out: filepath.Join(c.Dir, "seen.json"),
		Buyers: h.Buyers, Connections: h.Connections, Rate: h.Rate, Repeat: 10, Patience: 30 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	m := newMeter(c)
	story := newStory(h.faults, c, store, m, h.Tickets)
	if err := story.open(ctx, adminapi.Definition{ID: saleID, Title: "Headline", Currency: "EUR", Price: 4200, Total: h.Tickets, HoldSeconds: 3600}); err != nil {
		return nil, err
	}
	say(fmt.Sprintf("%d buyers come for %d tickets", h.Buyers, h.Tickets))
	if err := settleMemory(); err != nil {
		return nil, err
	}
	story.start = time.Now()
	if err := b.start(); err != nil {
		return nil, err
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
	cancel()
	watchers.Wait()
	if err != nil {
		err = fmt.Errorf("buyers: %w", err)
	}
	if serr != nil {
		err = errors.Join(err, fmt.Errorf("faults: %w", serr))
	}
	if err != nil {
		return nil, err
	}
	r, err := h.audit(ctx, c, store, m, seen, story)
	if err == nil && h.HTML != "" {
		err = h.page(ctx, r, &drain)
	}
	return r, err
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
