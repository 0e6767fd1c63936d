package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/pause"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// faults are what goes wrong during a sale, by request.
type faults struct {
	Kill           int           `default:"1" help:"Nodes killed (SIGKILL) while the sale sells, one after the other as it drains."`
	KillAtOnce     bool          `help:"Kill them all at the same moment, half-way."`
	KillAllocators bool          `help:"Kill every allocator before the first buyer comes."`
	RestartRedis   bool          `help:"Kill redis-server (SIGKILL) half-way, and start it again on its own disk."`
	Outage         time.Duration `default:"2s" help:"How long redis-server stays away."`
	Pause          time.Duration `help:"Stop one node (SIGSTOP) for so long after a quarter is sold, then let it go on."`
}

func (f *faults) validate(w *wants, nodes int) {
	w.that(f.Kill >= 0 && f.Kill < max(nodes, 1), "--kill", f.Kill, fmt.Sprintf("0 to %d, somebody has to be left to sell", max(nodes, 1)-1))
	w.that(f.Outage >= 0, "--outage", f.Outage, "a time that is not negative")
	w.that(f.Pause >= 0, "--pause", f.Pause, "a time that is not negative")
	w.that(f.Pause <= 0 || !f.KillAllocators, "--pause", f.Pause, "none: it looks at plans, and --kill-allocators leaves nobody to plan")
}

// event is something that the fault script did or saw.
type event struct {
	Seconds   float64 `json:"seconds"` // since the first buyer
	What      string  `json:"what"`
	Remaining int64   `json:"remaining"`
}

// faultScript does the faults at their marks of the sale and notes what it saw.
type faultScript struct {
	faults  faults
	cluster *testbed.Site
	store   *remotestock.Store
	meter   *meter
	tickets int64
	lag     lagWatch

	start     time.Time
	away      [2]time.Time // from when until when Redis was, by this script
	remaining int64
	events    []event
	failures  []string // what the cluster should have done in answer and did not
	unshown   []string // what did not come to happen, and so was not shown
}

func newFaultScript(f faults, c *testbed.Site, store *remotestock.Store, m *meter, tickets int64) *faultScript {
	return &faultScript{faults: f, cluster: c, store: store, meter: m, tickets: tickets, remaining: tickets, start: time.Now()}
}

// open opens the sale and has it planned. Where every allocator is to die, they
// die first: the sale then never has a plan, and every ticket is drawn.
func (s *faultScript) open(ctx context.Context, d adminapi.Definition) error {
	if !s.faults.KillAllocators {
		if err := s.cluster.Open(ctx, d); err != nil {
			return err
		}
		return awaitPlan(ctx, s.store, benchSale)
	}
	for _, a := range s.cluster.Allocators {
		if err := a.Kill(); err != nil {
			return err
		}
		s.note("killed allocator " + a.Name)
	}
	definition, err := d.Sale()
	if err != nil {
		return err
	}
	if _, err := s.store.Open(ctx, definition); err != nil {
		return err
	}
	return s.cluster.AwaitSale(ctx, d.ID)
}

func (s *faultScript) note(what string) {
	e := event{time.Since(s.start).Seconds(), what, s.remaining}
	s.events = append(s.events, e)
	logLine(fmt.Sprintf("%6.2f s  %s, %d of %d left", e.Seconds, e.What, e.Remaining, s.tickets))
}

// run follows the sale until ctx ends. It notes the faults that were asked for and did
// not happen by then: the run shows nothing about them.
func (s *faultScript) run(ctx context.Context) error {
	acts := s.steps()
	for len(acts) > 0 {
		if !pause.For(ctx, time.Millisecond) {
			s.unshown = append(s.unshown, fmt.Sprintf("the buyers were done before %q: use more buyers, or --rate", acts[0].what))
			return nil
		}
		_, r, err := s.store.Read(ctx, benchSale, 0)
		if err != nil {
			continue // Redis is away, as the script wants it
		}
		s.remaining = r.Remaining
		if s.remaining > int64(acts[0].mark*float64(s.tickets)) {
			continue
		}
		if s.remaining == 0 {
			s.unshown = append(s.unshown, fmt.Sprintf("all was sold before %q: use more tickets, or --rate", acts[0].what))
			return nil
		}
		if err := acts[0].do(ctx); err != nil {
			return err
		}
		acts = acts[1:]
	}
	return nil
}

// scriptStep is one fault, done when so much of the stock is left.
type scriptStep struct {
	what string
	mark float64
	do   func(context.Context) error
}

// steps are in the order of their marks.
func (s *faultScript) steps() []scriptStep {
	var acts []scriptStep
	if s.faults.Pause > 0 {
		acts = append(acts, scriptStep{"pause a node", 0.75, s.pause})
	}
	if s.faults.RestartRedis {
		acts = append(acts, scriptStep{"restart redis", 0.5, s.restartRedis})
	}
	for i := range s.faults.Kill {
		mark := 1 - float64(i+1)/float64(s.faults.Kill+1)
		if s.faults.KillAtOnce {
			mark = 0.5
		}
		acts = append(acts, scriptStep{"kill a node", mark, func(context.Context) error { return s.kill(i) }})
	}
	slices.SortStableFunc(acts, func(a, b scriptStep) int { return cmp.Compare(b.mark, a.mark) })
	return acts
}

// kill ends one node, spread over the list so that not only neighbours die.
func (s *faultScript) kill(i int) error {
	n := s.cluster.Nodes[(i+1)*len(s.cluster.Nodes)/(s.faults.Kill+1)]
	s.meter.scrape(n) // what it counted would die with it
	if err := n.Kill(); err != nil {
		return err
	}
	s.note("killed " + n.Name)
	return nil
}

// redisAftermath is how long after Redis's return nodes may still speak of its absence:
// they try again after a quarter of a second, and a claim that was under way when
// it died is in doubt for two.
const redisAftermath = 2500 * time.Millisecond

// redisAway reports whether Redis's outage explains a 503 received at that
// moment, in Unix milliseconds.
func (s *faultScript) redisAway(received int64) bool {
	at := time.UnixMilli(received)
	return !s.away[0].IsZero() && !at.Before(s.away[0].Truncate(time.Millisecond)) && at.Before(s.away[1].Add(redisAftermath))
}

// restartRedis brings Redis back also where ctx ends meanwhile: the audit needs it.
func (s *faultScript) restartRedis(ctx context.Context) error {
	s.away[0] = time.Now()
	if err := s.cluster.Redis.Kill(); err != nil {
		return err
	}
	s.note("killed redis-server")
	pause.For(ctx, s.faults.Outage)
	if err := s.cluster.Redis.Restart(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	s.away[1] = time.Now()
	s.note("redis-server answers again")
	return nil
}

// pause stops a node, and watches gossip and plans go around it and take it back.
func (s *faultScript) pause(ctx context.Context) error {
	n := s.cluster.Nodes[0]
	if err := n.Pause(); err != nil {
		return err
	}
	began := time.Now()
	s.note("paused " + n.Name)
	s.await(ctx, n.Name+" is declared dead", s.faults.Pause, func() bool { return !s.alive(ctx, n.Name) })
	s.await(ctx, "the plan leaves "+n.Name+" out", s.faults.Pause-time.Since(began), func() bool { return !s.planned(ctx, n.Name) })
	pause.For(ctx, s.faults.Pause-time.Since(began))
	if err := n.Resume(); err != nil {
		return err
	}
	s.note("resumed " + n.Name)
	s.await(ctx, n.Name+" is back", 10*time.Second, func() bool { return s.alive(ctx, n.Name) })
	s.await(ctx, "the plan counts on "+n.Name+" again", 5*time.Second, func() bool { return s.planned(ctx, n.Name) })
	return nil
}

// await notes when something is seen, or that it was not.
func (s *faultScript) await(ctx context.Context, what string, limit time.Duration, seen func() bool) {
	for end := time.Now().Add(limit); time.Now().Before(end) && ctx.Err() == nil; pause.For(ctx, 5*time.Millisecond) {
		if seen() {
			s.note(what)
			return
		}
	}
	if ctx.Err() != nil {
		s.unshown = append(s.unshown, fmt.Sprintf("the buyers were done before this was seen: %s: use more buyers, or --rate", what))
		return
	}
	s.failures = append(s.failures, fmt.Sprintf("not seen within %v: %s", limit.Round(time.Millisecond), what))
}

// alive reports whether the allocator's gossip counts the node as selling.
func (s *faultScript) alive(ctx context.Context, name string) bool {
	body, err := s.cluster.AdminCall(ctx, http.MethodGet, "/admin/v1/nodes", nil)
	var list struct {
		Nodes []adminapi.Node `json:"nodes"`
	}
	if err != nil || json.Unmarshal(body, &list) != nil {
		return false
	}
	for _, n := range list.Nodes {
		if n.Name == name {
			return n.Ready
		}
	}
	return false
}

func (s *faultScript) planned(ctx context.Context, name string) bool {
	v, err := s.store.Survey(ctx, benchSale)
	if err != nil {
		return false
	}
	s.remaining = v.Counters.Remaining
	for _, share := range v.Shares {
		if share.Node == name {
			return true
		}
	}
	return false
}

// awaitPlan returns once the allocator has planned the sale.
func awaitPlan(ctx context.Context, store *remotestock.Store, id sale.ID) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		v, err := store.Survey(ctx, id)
		if err != nil {
			return err
		}
		if len(v.Shares) > 0 {
			return nil
		}
		if !pause.For(ctx, 20*time.Millisecond) {
			return fmt.Errorf("the allocator has not planned the sale: %w", ctx.Err())
		}
	}
}
