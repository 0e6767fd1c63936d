package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/bench/report"
	"onsale/internal/adminapi"
	"onsale/internal/remotestock"
	"onsale/internal/testbed"
	"onsale/internal/throttle"
)

// million sells one large sale on a whole site, audits it while it sells, has its Redis come
// back older so that it has to be reconciled, ends its orders, and archives it.
type million struct {
	Tickets     int           `default:"1000000" help:"Tickets of the sale. A quarter at most is sold through the nodes, to measure what buyers notice of audits; the rest through the product's group commit in the bench's own process, which is as fast as Redis is."`
	Pairs       int           `default:"3" help:"Turns at half of the capacity, with audits and without, each."`
	Turn        time.Duration `default:"8s" help:"How long a turn takes, or shorter where its tickets would not last."`
	Connections int           `default:"64" help:"Connections of the buyers who come through the nodes."`
	Rest        throttle.Rest `default:"3" help:"How long the audits rest after each piece that they read, as of onsale audit --rest."`
	Nice        int           `default:"19" help:"Priority of the audits' own process, as of nice(1): elsewhere they would run on another machine."`
	output      `embed:""`
	Binaries    string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	begun func() // called when the first ticket is about to be sold, for tests; may be nil
}

const millionSale = "million"

// maxP99Ratio is by how much audits may raise the p99 of buyers at half of the capacity.
const maxP99Ratio = 1.10

// millionResult is what came out. Orders count tickets too: each is of one.
type millionResult struct {
	outcome

	Tickets      int64            `json:"tickets"`
	Sold         int64            `json:"sold"`
	Acknowledged int64            `json:"acknowledged"`
	SoldBy       string           `json:"sold_by"`
	Favoured     bool             `json:"redis_has_precedence"` // over all other processes, so that its calls take their own time
	Phases       []stretch        `json:"phases"`
	Audits       []audited        `json:"audits_while_selling"`
	Buyers       *noticed         `json:"buyers,omitempty"`
	Reconciled   *reconciled      `json:"reconciled,omitempty"`
	Final        *audited         `json:"final_audit,omitempty"`
	Ended        map[string]int   `json:"ended"`
	Archived     float64          `json:"archived_seconds,omitempty"`
	Memory       map[string]int64 `json:"memory_bytes"` // peaks of Redis, the ledger, and each node and allocator
}

// noticed is what buyers notice of audits, at half of the capacity.
type noticed struct {
	Capacity float64   `json:"capacity_per_second"` // closed loop
	Rate     float64   `json:"rate_per_second"`
	Without  []float64 `json:"p99_ms_without_audits"`
	With     []float64 `json:"p99_ms_with_audits"`
	Ratio    ratio     `json:"ratio"`
	Audits   []audited `json:"audits"`
}

// reconciled is what the way back from a loss took.
type reconciled struct {
	Lost    int64   `json:"orders_that_redis_lost"`
	Noticed float64 `json:"seconds_until_noticed"`
	Selling float64 `json:"seconds_until_selling"`
	Memory  int64   `json:"ledger_peak_memory_bytes"`
}

// Validate reports every fault at once, or nil.
func (m *million) Validate() error {
	var w wants
	w.that(m.Tickets >= 1000, "--tickets", m.Tickets, "at least 1000")
	w.positive("--pairs", m.Pairs)
	w.that(m.Turn > 0, "--turn", m.Turn, "more than 0")
	w.that(m.Connections >= 1 && m.Connections <= generator.MaxConnections, "--connections", m.Connections, fmt.Sprintf("1 to %d", generator.MaxConnections))
	w.that(m.Nice >= 0 && m.Nice <= 19, "--nice", m.Nice, "0 to 19")
	w.programs(m.Binaries)
	return errors.Join(w...)
}

// Run goes through all phases, and prints what it has also where it is interrupted.
func (m *million) Run(ctx context.Context) error {
	if err := m.prepare(); err != nil {
		return err
	}
	r := &millionResult{
		outcome: newOutcome(ctx), Tickets: int64(m.Tickets), Ended: map[string]int{}, Memory: map[string]int64{},
		SoldBy: "group commit in the bench's process, and the nodes behind Nginx",
	}
	c, err := testbed.Start(ctx, testbed.Options{
		Nodes: 2, Allocators: 1, Ledgers: 1, Binaries: m.Binaries, RedisArgs: slowArgs(), NodeArgs: []string{"--drain-delay", "0s"}, Progress: logLine,
	})
	if err != nil {
		return err
	}
	r.Favoured = favour(c.Redis.Pid()) == nil
	err = m.on(ctx, c, r)
	closed(c.Close())
	if r.Interrupted = ctx.Err() != nil; r.Interrupted {
		r.Unshown, err = nil, nil // it was not given the time
	}
	r.judge()
	return m.conclude(r, err)
}

// milestones are the run's parts, in order.
type milestones struct {
	*million
	cluster *testbed.Site
	client  redis.UniversalClient
	store   *remotestock.Store
	watch   *slowWatch
	direct  *claims
	sold    int           // through the group commit, so far
	answers judge.Answers // of everybody
	result  *millionResult
}

// on opens the sale and goes through the phases.
func (m *million) on(ctx context.Context, c *testbed.Site, r *millionResult) (err error) {
	config := c.StoreConfig()
	config.Call = time.Minute
	client, err := remotestock.Dial(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	store, closeStore, err := connect(c.Redis.Addr())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	s := &milestones{million: m, cluster: c, client: client, store: store, watch: &slowWatch{client: client, pid: c.Redis.Pid()}, result: r}
	s.direct = &claims{store: store, sale: millionSale, name: "direct", keep: s.acknowledge}
	d := adminapi.Definition{ID: millionSale, Title: "Million", Currency: "EUR", Price: 4200, Total: int64(m.Tickets), Limit: 1, HoldSeconds: 4 * 3600}
	if err := c.Open(ctx, d); err != nil {
		return err
	}
	if err := awaitPlan(ctx, store, millionSale); err != nil {
		return err
	}
	if m.begun != nil {
		m.begun()
	}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"selling while audited", s.sellAudited}, {"buyers at half capacity", s.compareBuyers}, {"loss and way back", s.lose},
		{"selling the rest", s.sellRest}, {"ending", s.end}, {"expiring", s.expire}, {"archiving", s.archive},
	} {
		logLine(part.name)
		if err := s.watch.begin(ctx); err != nil {
			return err
		}
		if err := part.do(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		p, err := s.watch.end(ctx, part.name)
		if err != nil {
			return err
		}
		logLine(fmt.Sprintf("%s: %.1f s, longest call %s", p.Name, p.Seconds, p.longest()))
		r.Phases = append(r.Phases, p)
		if err := notePeaks(s.cluster, s.result.Memory); err != nil {
			return err
		}
	}
	return nil
}

// judge lists the bounds that were missed, and every broken promise.
func (r *millionResult) judge() {
	for _, p := range r.Phases {
		r.Missed = append(r.Missed, p.missed()...)
	}
	if b := r.Buyers; b != nil && !b.Ratio.kept() {
		r.Missed = append(r.Missed, fmt.Sprintf("audits raise the p99 of buyers to %.2f times", b.Ratio.Value))
	}
	all := r.Audits
	if r.Buyers != nil {
		all = append(all, r.Buyers.Audits...)
	}
	if r.Final != nil {
		all = append(all, *r.Final)
		if r.Sold != r.Tickets {
			r.Faults = append(r.Faults, fmt.Sprintf("sold %d of %d", r.Sold, r.Tickets))
		}
	}
	for _, a := range all {
		for _, f := range a.Faults {
			r.Faults = append(r.Faults, fmt.Sprintf("audit of %d orders: %s", a.Orders, f))
		}
	}
	if len(r.Audits) == 0 {
		r.Unshown = append(r.Unshown, "no audit was made while it sold")
	}
}

func (r *millionResult) show() report.Sheet {
	phases := report.Table{Head: []string{"phase", "s", "longest Redis call", "longest trivial call, ms", "Redis waited for a core, s"}}
	for _, p := range r.Phases {
		phases.Add(p.Name, fmt.Sprintf("%.1f", p.Seconds), p.longest(), fmt.Sprintf("%.1f", p.Trivial), fmt.Sprintf("%.1f", p.Waited))
	}
	t := report.Table{Head: []string{"what", "figure"}}
	t.Add("sold", fmt.Sprintf("%d of %d, %d acknowledged", r.Sold, r.Tickets, r.Acknowledged))
	mib := func(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }
	for _, a := range r.Audits {
		t.Add(fmt.Sprintf("audit of %d orders while selling", a.Orders), fmt.Sprintf("%.1f s, %.1f s of CPU, %s", a.Seconds, a.CPU, mib(a.Memory)))
	}
	if b := r.Buyers; b != nil {
		t.Add(fmt.Sprintf("p99 of buyers at %.0f a second, half of the capacity at most", b.Rate), fmt.Sprintf("%.2f ms without audits, %.2f ms with: %.2f × (%.2f … %.2f), want ≤ %.2f",
			median(b.Without), median(b.With), b.Ratio.Value, b.Ratio.Low, b.Ratio.High, b.Ratio.Bound))
	}
	if w := r.Reconciled; w != nil {
		t.Add(fmt.Sprintf("Redis came back without %d orders", w.Lost), fmt.Sprintf("noticed after %.1f s, selling after %.1f s, ledger %s", w.Noticed, w.Selling, mib(w.Memory)))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Memory)) {
		t.Add("peak memory of "+name, mib(r.Memory[name]))
	}
	return r.sheet("A large sale, audited, lost, reconciled and archived", phases, t)
}
