package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"onsale/bench/judge"
	"onsale/bench/report"
	"onsale/internal/adminapi"
	"onsale/internal/audit"
	"onsale/internal/pause"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// connections holds many idle buyers open against one node, and then sells
// through all of them.
type connections struct {
	Count    int `arg:"" default:"10000" help:"Idle keep-alive connections."`
	output   `embed:""`
	Binaries string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	begun func() // called when the connections are open, for tests; may be nil
}

// connectionsResult is what came out.
type connectionsResult struct {
	outcome

	Count      int            `json:"connections"`
	Sources    int            `json:"source_addresses"`
	Seconds    float64        `json:"seconds_to_connect,omitempty"`
	Before     int64          `json:"node_memory_bytes_before"`
	Idle       int64          `json:"node_memory_bytes_idle,omitempty"`
	Each       float64        `json:"bytes_a_connection,omitempty"`
	SaleSecond float64        `json:"seconds_to_sell,omitempty"`
	Statuses   map[string]int `json:"statuses,omitempty"`
	Tickets    int64          `json:"tickets"`
	Sold       int64          `json:"sold,omitempty"`
}

// Validate reports every fault at once, or nil.
func (c *connections) Validate() error {
	var w wants
	w.that(c.Count >= 1 && c.Count <= maxConnections, "connections", c.Count,
		fmt.Sprintf("1 to %d, which is %d from each of %d source addresses", maxConnections, connectionsPerSource, maxSourceAddresses))
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err == nil && c.Count <= maxConnections {
		w.that(uint64(max(0, c.Count))+spareFiles <= files.Max, "connections", c.Count,
			fmt.Sprintf("at most %d, as a process may open %d files here (ulimit -Hn)", files.Max-min(files.Max, spareFiles), files.Max))
	}
	w.programs(c.Binaries)
	return errors.Join(w...)
}

// Run connects, measures, sells and audits.
func (c *connections) Run(ctx context.Context) error {
	if err := c.prepare(); err != nil {
		return err
	}
	r := &connectionsResult{outcome: newOutcome(ctx), Count: c.Count, Sources: sources(c.Count), Tickets: int64(max(1, c.Count/2))}
	site, err := testbed.Start(ctx, testbed.Options{Nodes: 1, NoFront: true, Binaries: c.Binaries, Progress: logLine, NodeArgs: []string{"--drain-delay", "0s"}})
	if err != nil {
		return err
	}
	err = c.run(ctx, site, r)
	closed(site.Close())
	if r.Before == 0 {
		return err // nothing was measured
	}
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it is only the interruption
	}
	return c.conclude(r, err)
}

// run leaves in r what it measured, also if it fails or is interrupted.
func (c *connections) run(ctx context.Context, site *testbed.Site, r *connectionsResult) error {
	store, closeStore, err := connect(site.Redis.Addr())
	if err != nil {
		return err
	}
	defer closeStore()
	d := adminapi.Definition{ID: benchSale, Title: "Connections", Currency: "EUR", Price: 4200, Total: r.Tickets, HoldSeconds: 3600}
	definition, err := d.Sale()
	if err != nil {
		return err
	}
	if _, err := store.Open(ctx, definition); err != nil {
		return err
	}
	if err := site.AwaitSale(ctx, benchSale); err != nil {
		return err
	}
	node := site.Nodes[0]
	if r.Before, err = resident(node.Pid()); err != nil {
		return err
	}
	begin := time.Now()
	child, err := process.StartSelf(ctx, "buyers", process.ChildOptions{}, "idlers", "--addr", node.Listen, "--sale", benchSale, "--keys", filepath.Join(site.Dir, "keys.json"), "--count", strconv.Itoa(c.Count))
	if err != nil {
		return err
	}
	defer child.Close()
	lines := bufio.NewScanner(child.Out)
	lines.Buffer(nil, maxIdleAnswers)
	if !lines.Scan() || lines.Text() != "ready" {
		return fmt.Errorf("the buyers could not connect: %w", child.Finish(childGrace))
	}
	r.Seconds = time.Since(begin).Seconds()
	logLine(fmt.Sprintf("%d connections are open", c.Count))
	if c.begun != nil {
		c.begun()
	}
	if !pause.For(ctx, 2*time.Second) { // idle means idle
		return ctx.Err()
	}
	if r.Idle, err = resident(node.Pid()); err != nil {
		return err
	}
	r.Each = float64(r.Idle-r.Before) / float64(c.Count)
	begin = time.Now()
	if _, err := io.WriteString(child.In, "go\n"); err != nil {
		return err
	}
	var answered idleAnswers
	if lines.Scan() {
		r.SaleSecond = time.Since(begin).Seconds()
		err = json.Unmarshal(lines.Bytes(), &answered)
		r.Statuses = answered.Statuses
	}
	if err := errors.Join(err, lines.Err(), child.Finish(childGrace)); err != nil && ctx.Err() == nil {
		return fmt.Errorf("the buyers: %w", err)
	}
	outlived, cancel := outliving(ctx)
	defer cancel()
	snapshot, err := store.Snapshot(outlived, benchSale)
	if err != nil {
		return err
	}
	r.Sold = snapshot.Sold()
	if ctx.Err() != nil {
		r.Faults = audit.Stock(snapshot)
		return nil // what the killed buyers were answered is not known
	}
	r.Faults = judge.Faults(benchSale, judge.FromSnapshot(snapshot), answered.Answers)
	if n := len(answered.Answers.Acks) + int(answered.Answers.Refused); n != c.Count {
		r.Faults = append(r.Faults, fmt.Sprintf("answers %v: want a ticket or sold out for each of %d", r.Statuses, c.Count))
	}
	return nil
}

func (r *connectionsResult) show() report.Sheet {
	t := report.Table{Head: []string{"what", "figure"}}
	t.Add("idle connections", fmt.Sprintf("%d from %d addresses, in %.1f s", r.Count, r.Sources, r.Seconds))
	t.Add("memory of a connection", fmt.Sprintf("%.1f KB", r.Each/1000))
	t.Add("sold", fmt.Sprintf("%d of %d in %.1f s, answers %v", r.Sold, r.Tickets, r.SaleSecond, r.Statuses))
	return r.sheet("Idle connections, and a sale through all of them", t)
}
