package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"onsale/bench/judge"
	"onsale/bench/report"
	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// operating changes the nodes of a site, and its Nginx, in every way that operators do, while it sells at half of what
// it can, and counts the requests that fail by it.
type operating struct {
	Nodes       int           `default:"3" help:"Selling nodes at first."`
	Most        int           `default:"6" help:"Nodes after some have joined; all of these are restarted one by one, and all but two are killed."`
	Wide        int           `default:"10" help:"Nodes after many have joined at once; they are drained again."`
	Rate        float64       `help:"Purchases a second; 0: half of what the site sells at most, which is measured first."`
	Connections int           `default:"64" help:"Connections that buyers keep."`
	Settle      time.Duration `default:"1s" help:"How long to count on after the upstream has followed."`
	DrainDelay  time.Duration `default:"2s" help:"--drain-delay of the nodes."`
	Reloads     bool          `help:"Nginx without the Lua module, which reloads at each change. Failures of requests on connections that a reload has closed are no fault then."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	begun func() // called when the first buyer comes, for tests; may be nil
}

// operatingResult is what came out.
type operatingResult struct {
	outcome

	Capacity float64        `json:"capacity,omitempty"` // purchases a second, as fast as they are answered; 0: not measured
	Rate     float64        `json:"rate"`               // purchases a second, meant
	Rows     []operatingRow `json:"rows"`
	// Joined is the seconds from the start of each of many nodes to its first sale, Share to when plan and upstream
	// have all of them, Left from the call that drains a node to the last request that it answered. All are in order.
	Joined []float64 `json:"seconds_to_first_sale"`
	Share  float64   `json:"seconds_to_share"`
	Left   []float64 `json:"seconds_to_last_request"`
	Sold   int       `json:"sold"`
}

// operatingRow is one event.
type operatingRow struct {
	Event   string  `json:"event"`
	Planned bool    `json:"planned"`
	Seconds float64 `json:"seconds"` // until the upstream had followed the last of it
	spell
}

// Validate reports every fault at once, or nil.
func (o *operating) Validate() error {
	var w wants
	w.that(o.Nodes >= 2, "--nodes", o.Nodes, "at least 2, as one is drained")
	w.that(o.Most > o.Nodes, "--most", o.Most, "more than --nodes")
	w.that(o.Wide > o.Nodes, "--wide", o.Wide, "more than --nodes")
	w.that(o.Rate >= 0 && o.Rate <= maxRatePerSecond, "--rate", o.Rate, fmt.Sprintf("0, or more purchases a second and at most %d", maxRatePerSecond))
	w.that(o.Connections >= 1 && o.Connections <= 4096, "--connections", o.Connections, "1 to 4096")
	w.that(o.Settle >= 0, "--settle", o.Settle, "a time that is not negative")
	w.programs(o.Binaries)
	return errors.Join(w...)
}

const (
	// operatingTickets are more than are sold; those that are left are taken back but for the last few.
	operatingTickets = 50_000_000
	operatingLast    = 500
	// operatingProbe is for how long the capacity is measured.
	operatingProbe = 4 * time.Second
)

// Run makes all changes once, sells the last tickets, and audits, also a run that was interrupted.
func (o *operating) Run(ctx context.Context) error {
	if err := o.prepare(); err != nil {
		return err
	}
	r := &operatingResult{outcome: newOutcome(ctx), Rate: o.Rate}
	c, err := testbed.Start(ctx, testbed.Options{
		Nodes: o.Nodes, Allocators: 1, Ledgers: 1, Balancer: !o.Reloads, Daemon: true, Binaries: o.Binaries, Progress: logLine,
		NodeArgs: []string{"--drain-delay", o.DrainDelay.String()},
	})
	if err != nil {
		return err
	}
	err = o.sell(ctx, c, r)
	closed(c.Close())
	if r.Sold == 0 {
		return err // nothing happened
	}
	return o.conclude(r, err)
}

// sell has buyers come while the events happen.
func (o *operating) sell(ctx context.Context, c *testbed.Site, r *operatingResult) error {
	d := adminapi.Definition{ID: benchSale, Title: "Operate", Currency: "EUR", Price: 4200, Total: operatingTickets, Limit: 1, HoldSeconds: 3600}
	if err := c.Open(ctx, d); err != nil {
		return err
	}
	b := newKeptBuyers(c)
	if r.Rate == 0 {
		b.measure(ctx, o.Connections, r)
	}
	b.limiter = rate.NewLimiter(rate.Limit(max(r.Rate, 1)), 1)
	b.turn()
	buying, stop := context.WithCancel(context.WithoutCancel(ctx)) // an interruption ends the events, and then the buyers
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { b.run(buying, o.Connections) })
	if o.begun != nil {
		o.begun()
	}
	e := &operatingEvents{operating: o, site: c, buyers: b, result: r}
	err := e.run(ctx)
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		err = nil // it is only the interruption
	}
	after, cancel := outliving(ctx)
	defer cancel()
	if err == nil && !r.Interrupted {
		err = e.sellOut(after)
	}
	if err != nil || r.Interrupted {
		stop()
	}
	group.Wait()
	r.Sold = b.sold()
	r.judge(o)
	return errors.Join(err, o.audit(after, c, b, r))
}

// measure finds out how much the site sells at most.
func (b *keptBuyers) measure(ctx context.Context, connections int, r *operatingResult) {
	probing, cancel := context.WithTimeout(ctx, operatingProbe)
	defer cancel()
	begin := time.Now()
	b.run(probing, connections)
	r.Capacity = float64(b.sold()) / time.Since(begin).Seconds()
	r.Rate = r.Capacity / 2
	logLine(fmt.Sprintf("the site sells %.0f tickets a second; from here on buyers ask for half of that", r.Capacity))
}

// audit compares the books with what buyers were answered.
func (o *operating) audit(ctx context.Context, c *testbed.Site, b *keptBuyers, r *operatingResult) error {
	store, disconnect, err := connect(c.Redis.Addr())
	if err != nil {
		return err
	}
	defer func() { closed(disconnect()) }()
	if _, err := awaitLedger(ctx, store); err != nil {
		return err
	}
	found, err := operate.Audit(ctx, c.Stores(), sale.ID(benchSale), 0, zap.NewNop())
	if err != nil {
		return err
	}
	records := judge.FromAudit(found)
	// No order has ended, and the total that counts is that of the end: the ledger's levels begin with the first one.
	records.Levels = judge.FromOrders(found.Sale.Total, records.Orders).Levels
	r.Faults = append(r.Faults, judge.Faults(benchSale, records, b.answers)...)
	return nil
}

// judge lists what failed and should not have. A request that nothing but a killed node could answer may fail.
func (r *operatingResult) judge(o *operating) {
	for _, row := range r.Rows {
		failed := row.Failed
		if row.mayClose(o.Reloads) {
			failed -= row.Kinds[lostConnection]
		}
		switch {
		case row.Planned && failed > 0:
			r.Faults = append(r.Faults, fmt.Sprintf("%s: %d requests of %d failed, and none may: %v", row.Event, failed, row.Sent, row.Kinds))
		case failed > o.Connections:
			r.Missed = append(r.Missed, fmt.Sprintf("%s: %d requests failed, want at most those under way, %d", row.Event, failed, o.Connections))
		}
	}
	if r.Share > operatingShare.Seconds() {
		r.Missed = append(r.Missed, fmt.Sprintf("%d new nodes have their shares after %.1f s, want %v", len(r.Joined), r.Share, operatingShare))
	}
}

// operatingShare is after how long a new node should have its share.
const operatingShare = 2 * time.Second

// mayClose reports whether the event closes connections of Nginx, which a request may be on.
func (row operatingRow) mayClose(reloads bool) bool { return reloads || row.Event == upgradeEvent }

func (r *operatingResult) show() report.Sheet {
	rate := report.Table{Head: []string{"purchases a second", ""}}
	if r.Capacity > 0 {
		rate.Add("at most", fmt.Sprintf("%.0f", r.Capacity))
	}
	rate.Add("during the events", fmt.Sprintf("%.0f", r.Rate))
	rate.Add("sold in all", r.Sold)
	t := report.Table{Head: []string{"event", "failed", "of sent", "connections closed while idle", "took, s", "failures"}}
	for _, row := range r.Rows {
		name, kinds := row.Event, ""
		if !row.Planned {
			name += " (unplanned)"
		}
		if row.Failed > 0 {
			kinds = fmt.Sprint(row.Kinds)
		}
		t.Add(name, row.Failed, row.Sent, row.Closed, fmt.Sprintf("%.2f", row.Seconds), kinds)
	}
	tables := []report.Table{rate, t}
	if len(r.Left) > 0 {
		wide := report.Table{Head: []string{"many nodes at once", "median s", "last s"}}
		for _, c := range []struct {
			what string
			of   []float64
		}{{"from a node's start to its first sale", r.Joined}, {"from its drain to its last request", r.Left}} {
			wide.Add(c.what, fmt.Sprintf("%.2f", c.of[len(c.of)/2]), fmt.Sprintf("%.2f", c.of[len(c.of)-1]))
		}
		wide.Add("until all have their shares, in plan and upstream", "", fmt.Sprintf("%.2f", r.Share))
		tables = append(tables, wide)
	}
	s := r.sheet("Nodes and Nginx changed while a site sells", tables...)
	s.Notes = append(s.Notes, "No request is sent a second time. Clients look before they use a connection again: one that does not would fail on each that was closed while idle.")
	return s
}

// sortedSeconds are times in order, in seconds.
func sortedSeconds(times []time.Duration) []float64 {
	list := make([]float64, len(times))
	for i, d := range times {
		list[i] = d.Seconds()
	}
	slices.Sort(list)
	return list
}
