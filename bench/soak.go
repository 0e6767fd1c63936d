package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"onsale/bench/report"
	"onsale/internal/adminapi"
	"onsale/internal/pause"
	"onsale/internal/testbed"
)

// soak keeps a site busy for long, while its parts die one after the other, and
// looks at what grows.
type soak struct {
	For       time.Duration `default:"10m" help:"How long."`
	Rate      float64       `default:"100" help:"Holds a second, paid, cancelled, left or refunded at random."`
	Clients   int           `default:"50" help:"Clients at the same time."`
	Nodes     int           `default:"5" help:"Selling nodes; all but the first are killed in turn, and replaced."`
	KillEvery time.Duration `default:"15s" help:"Time between kills of a node, a ledger or an allocator."`
	output    `embed:""`
	Binaries  string `help:"Folder with node, allocator and ledger; without it they are built." type:"path"`

	begun func() // called when the first client comes, for tests; may be nil
}

// soakResult is what came out.
type soakResult struct {
	outcome

	Seconds  float64            `json:"seconds"`
	Holds    int                `json:"holds"`
	Kills    map[string]int     `json:"kills"` // by kind of process
	Answered map[string]int     `json:"answered"`
	Growth   map[string]float64 `json:"growth,omitempty"` // resident memory at the end : after a fifth of the run, of those that were never killed
	Memory   map[string]int64   `json:"memory_bytes"`
	Books    books              `json:"books,omitzero"`
}

// maxMemoryGrowth is how much a node, an allocator or a ledger may have grown since a
// fifth of the run: what they hold does not depend on how many were served.
const maxMemoryGrowth = 1.5

// Validate reports every fault at once, or nil.
func (s *soak) Validate() error {
	var w wants
	w.that(s.For >= 5*time.Second, "--for", s.For, "at least 5s")
	w.that(s.Rate > 0 && s.Rate <= maxRatePerSecond, "--rate", s.Rate, fmt.Sprintf("more than 0 holds a second, and at most %d", maxRatePerSecond))
	w.positive("--clients", s.Clients)
	w.that(s.Nodes >= 2, "--nodes", s.Nodes, "at least 2, as the first is never killed")
	w.that(s.KillEvery > 0, "--kill-every", s.KillEvery, "more than 0")
	w.programs(s.Binaries)
	return errors.Join(w...)
}

// maxRatePerSecond is more holds a second than one machine sells.
const maxRatePerSecond = 1_000_000

// Run soaks, and audits at the end, also of a run that was interrupted.
func (s *soak) Run(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	r := &soakResult{outcome: newOutcome(ctx), Answered: map[string]int{}, Kills: map[string]int{}, Growth: map[string]float64{}, Memory: map[string]int64{}}
	c, err := testbed.Start(ctx, testbed.Options{Nodes: s.Nodes, Allocators: 2, Ledgers: 2, Binaries: s.Binaries, Progress: logLine})
	if err != nil {
		return err
	}
	err = s.run(ctx, c, r)
	closed(c.Close())
	if r.Holds == 0 {
		return err // nothing happened
	}
	return s.conclude(r, err)
}

func (s *soak) run(ctx context.Context, c *testbed.Site, r *soakResult) error {
	hold := 5 * time.Second
	holds := max(1, int(s.Rate*s.For.Seconds()))
	d := adminapi.Definition{ID: benchSale, Title: "Soak", Currency: "EUR", Price: 4200, Total: int64(holds), Limit: 4, HoldSeconds: hold.Seconds()}
	if err := c.Open(ctx, d); err != nil {
		return err
	}
	clients, err := newClients(c, s.Clients, holds, s.Rate, hold)
	if err != nil {
		return err
	}
	logLine(fmt.Sprintf("%d holds in %v", holds, s.For))
	if s.begun != nil {
		s.begun()
	}
	begin := time.Now()
	failures, end := context.WithCancel(ctx)
	defer end()
	var failing sync.WaitGroup
	var killErr, growErr error
	var early map[string]int64
	failing.Go(func() { killErr = s.kill(failures, c, r.Kills) })
	failing.Go(func() {
		if pause.For(failures, s.For/5) {
			early, growErr = witnesses(c)
		}
	})
	clients.run(ctx, s.Clients)
	r.Interrupted = ctx.Err() != nil
	end()
	failing.Wait()
	r.Seconds, r.Holds = time.Since(begin).Seconds(), len(clients.answered)
	err = errors.Join(killErr, growErr)
	if r.Memory, growErr = witnesses(c); growErr != nil {
		return errors.Join(err, growErr)
	}
	s.judge(r, early)
	return errors.Join(err, s.audit(ctx, c, clients, r))
}

func (r *soakResult) show() report.Sheet {
	t := report.Table{Head: []string{"what", "figure"}}
	t.Add("holds", fmt.Sprintf("%d in %.0f s, ended %v", r.Holds, r.Seconds, r.Answered))
	t.Add("killed", fmt.Sprint(r.Kills))
	t.Add("stock", fmt.Sprintf("%d in all: %d remaining, %d held, %d paid", r.Books.Total, r.Books.Remaining, r.Books.Held, r.Books.Paid))
	memory := report.Table{Head: []string{"never killed", "memory MiB", "growth since a fifth of the run"}}
	for _, name := range slices.Sorted(maps.Keys(r.Memory)) {
		memory.Add(name, fmt.Sprintf("%.1f", float64(r.Memory[name])/(1<<20)), fmt.Sprintf("%.2f", r.Growth[name]))
	}
	return r.sheet("A site kept busy while its parts die", t, memory)
}

// judge looks at what has grown, and at what the run should have shown and did not.
func (s *soak) judge(r *soakResult, early map[string]int64) {
	for name, bytes := range r.Memory {
		if early[name] == 0 {
			continue // it ended before its first fifth was over
		}
		r.Growth[name] = float64(bytes) / float64(early[name])
		if name != "redis" && name != "postgres" && r.Growth[name] > maxMemoryGrowth {
			r.Faults = append(r.Faults, fmt.Sprintf("%s has grown to %.1f times what it was", name, r.Growth[name]))
		}
	}
	if r.Interrupted {
		return // it was not given the time
	}
	if len(r.Kills) == 0 {
		r.Unshown = append(r.Unshown, "nothing was killed: use a longer --for, or a shorter --kill-every")
	}
	if len(early) == 0 {
		r.Unshown = append(r.Unshown, "the clients were done before the memory of a fifth of the run was known: use a longer --for")
	}
}

// witnesses is the memory of those that are never killed.
func witnesses(c *testbed.Site) (map[string]int64, error) {
	held := map[string]int64{}
	for name, pid := range map[string]int{
		"node": c.Nodes[0].Pid(), "allocator": c.Allocators[0].Pid(), "ledger": c.Ledgers[0].Pid(), "redis": c.Redis.Pid(), "postgres": c.Postgres.Pid(),
	} {
		bytes, err := resident(pid)
		if err != nil {
			return nil, err
		}
		held[name] = bytes
	}
	return held, nil
}

// kill kills in turn: a node, a ledger, an allocator; and starts each again.
func (s *soak) kill(ctx context.Context, c *testbed.Site, kills map[string]int) error {
	for i := 0; ; i++ {
		if !pause.For(ctx, s.KillEvery) {
			return nil
		}
		kind, m := "node", c.Nodes[1+i/3%(len(c.Nodes)-1)]
		switch i % 3 {
		case 1:
			kind, m = "ledger", c.Ledgers[1]
		case 2:
			kind, m = "allocator", c.Allocators[1]
		}
		if err := m.Kill(); err != nil {
			return err
		}
		kills[kind]++
		pause.For(ctx, time.Second)
		if err := m.Start(); err != nil {
			return err
		}
	}
}

// audit waits for the last holds to end, and compares everything.
func (s *soak) audit(ctx context.Context, c *testbed.Site, clients *clients, r *soakResult) error {
	o := &orders{Hold: clients.hold}
	compared := &ordersResult{Answered: r.Answered, outcome: outcome{Interrupted: r.Interrupted}}
	if err := o.compare(ctx, c, clients, compared); err != nil {
		return err
	}
	r.Books, r.Interrupted = compared.Books, compared.Interrupted
	r.Faults = append(r.Faults, compared.Faults...)
	if compared.Lost > 0 || compared.Contradicted > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%d orders were lost and %d contradict what was answered", compared.Lost, compared.Contradicted))
	}
	return nil
}
