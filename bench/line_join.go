package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"onsale/bench/generator"
	"onsale/internal/pause"
	"onsale/internal/testbed/process"
)

// joinResult is what joins came to, and cost. Latencies are in milliseconds, and of patient buyers: from coming to having a place.
type joinResult struct {
	Name    string             `json:"name"`
	Buyers  int                `json:"buyers"` // or joins, of those who join again and again
	Seconds float64            `json:"seconds"`
	Rate    float64            `json:"joins_per_second"`
	Latency quantiles          `json:"latency_ms"`
	Calm    int                `json:"joins_without_faults"`         // that the processor time is of
	Micros  map[string]float64 `json:"cpu_us_per_join"`              // by kind of process, while nothing was killed
	Buying  float64            `json:"generator_cpu_us_per_join"`    // of all
	Answers map[string]int64   `json:"answers"`                      // by status and code
	Lost    int64              `json:"lost_answers"`                 // connections that ended without an answer
	GaveUp  int                `json:"gave_up"`                      // buyers without a place
	Outside map[string]int64   `json:"http_503_outside"`             // of 503s, those that no outage of Redis explains
	Events  []event            `json:"events,omitempty"`             // that fell into them
	Killed  map[string]int     `json:"killed,omitempty"`             // by kind of process
	Differs int                `json:"places_that_differ,omitempty"` // answered with another place than before
}

// lineFault is something that is killed when a share of the joins is done.
type lineFault struct {
	at   float64
	kind string
	do   func(context.Context) error
}

// joinOrder is a run of joins, through Nginx.
func (s *lineSite) joinOrder(first, buyers int) generator.Order {
	return generator.Order{
		Addr: s.cluster.Front()[len("http://"):], Sale: lineSale, Joins: true, First: first, Requests: buyers,
		Connections: min(s.Connections, buyers), Timeout: 15 * time.Second, Patience: 2 * time.Minute, Rate: s.JoinRate,
	}
}

// calmShare is the share of a run's joins before its first fault.
const calmShare = 0.1

// joinBefore has the first buyers join, while three nodes and Redis are killed.
func (s *lineSite) joinBefore(ctx context.Context) error {
	return s.join(ctx, "before the draw", s.joinOrder(0, s.first()), func(f *faultScript) []lineFault {
		node := func(i int) func(context.Context) error {
			return func(ctx context.Context) error { return s.restartNode(ctx, f, i) }
		}
		return []lineFault{{calmShare, "node", node(0)}, {0.3, "redis", f.restartRedis}, {0.5, "node", node(1)}, {0.7, "node", node(2)}}
	})
}

// joinAfter has the others join, who get ordinals, while Redis is killed once more.
func (s *lineSite) joinAfter(ctx context.Context) error {
	return s.join(ctx, "after the draw", s.joinOrder(s.first(), s.Buyers-s.first()), func(f *faultScript) []lineFault {
		return []lineFault{{0.3, "redis", f.restartRedis}}
	})
}

// askAgain has everybody join again, without a proof, and compares the places. Who had one and gets a new one has lost it.
func (s *lineSite) askAgain(ctx context.Context) error {
	o := s.joinOrder(0, s.Buyers)
	o.Rate = 0
	if err := s.join(ctx, "again, everybody", o, nil); err != nil {
		return err
	}
	for _, place := range s.places {
		if place == "" {
			s.result.Without++
		}
	}
	return nil
}

// restartNode kills a node, and starts it again.
func (s *lineSite) restartNode(ctx context.Context, f *faultScript, i int) error {
	if err := f.kill(i); err != nil {
		return err
	}
	pause.For(ctx, time.Second)
	for _, n := range s.cluster.Nodes {
		if n.Running() {
			continue
		}
		if err := n.Start(); err != nil {
			return err
		}
		if err := n.Await(ctx, func() error { return process.Get("http://" + n.Admin + "/readyz") }); err != nil {
			return err
		}
		f.note(n.Name + " is ready again")
	}
	return nil
}

// join has buyers join while something happens, and notes their places.
func (s *lineSite) join(ctx context.Context, name string, o generator.Order, script func(*faultScript) []lineFault) error {
	f := newFaultScript(faults{Kill: 3, Outage: s.Outage}, s.cluster, s.store, newMeter(s.cluster), int64(s.Tickets))
	var acts []lineFault
	if script != nil {
		acts = script(f)
	}
	r := joinResult{Name: name, Buyers: o.Requests, Micros: map[string]float64{}, Outside: map[string]int64{}, Killed: map[string]int{}}
	cost := calm{site: s, until: int64(calmShare * float64(o.Requests)), micros: r.Micros}
	if acts == nil {
		cost.until = int64(o.Requests)
	}
	if err := settleMemory(); err != nil {
		return err
	}
	if err := cost.begin(); err != nil {
		return err
	}
	if s.begun != nil && len(s.result.Joins) == 0 {
		s.begun()
	}
	f.start = time.Now()
	faulting := faultsAt{acts: acts, all: o.Requests, killed: r.Killed, ctx: ctx}
	shown := time.Now()
	run, err := s.buyers.Follow(ctx, o, func(done int64) {
		cost.progress(done)
		faulting.progress(done)
		if time.Since(shown) > 5*time.Second {
			shown = time.Now()
			logLine(fmt.Sprintf("%d of %d", done, o.Requests))
		}
	})
	if ctx.Err() == nil {
		cost.progress(int64(o.Requests))
	}
	ferr := faulting.wait()
	r.Calm = int(cost.done)
	if ctx.Err() != nil {
		err, faulting.acts = nil, nil // what was measured until then is kept
	}
	if err := errors.Join(err, ferr, cost.err); err != nil {
		return err
	}
	if n := len(faulting.acts); n > 0 {
		s.result.Unshown = append(s.result.Unshown, fmt.Sprintf("%d faults did not happen while buyers joined %s: use more buyers", n, name))
	}
	r.take(run, f)
	r.Differs = s.note(run.Acks)
	if acts == nil { // all of these had a place
		for answer, n := range r.Answers {
			if strings.HasPrefix(answer, "201") {
				s.result.Lost += n
			}
		}
	}
	s.result.Joins = append(s.result.Joins, r)
	logLine(fmt.Sprintf("%s: %.0f joins a second, %s, answers %v", name, r.Rate, millisOf(r.Latency), r.Answers))
	return nil
}

// take reads what the generator measured.
func (r *joinResult) take(run generator.Run, f *faultScript) {
	r.Seconds, r.Rate, r.Events = run.Seconds, perSecond(len(run.Acks), run.Seconds), f.events
	r.Latency = millisAt(run.Latencies[generator.ClassSold])
	r.Buying = run.CPUSeconds * 1e6 / float64(max(1, run.Sent))
	if v := run.Visits; v != nil {
		r.Answers, r.Lost, r.GaveUp = v.Answers, v.Lost, len(v.GaveUp)
		for _, u := range v.Unavailable {
			if !f.redisAway(u.Received) {
				r.Outside[u.Code]++
			}
		}
		return
	}
	r.Answers = map[string]int64{}
	for status, n := range run.Statuses {
		r.Answers[strconv.Itoa(status)] = n
	}
	for _, n := range run.Errors {
		r.Lost += n
	}
}

// perSecond is 0 of what took no time, as where nothing came of it.
func perSecond(n int, seconds float64) float64 {
	if seconds == 0 {
		return 0
	}
	return float64(n) / seconds
}

// note notes the places that buyers were answered, and returns how many have another place than before.
func (s *lineSite) note(acks []generator.Ack) (differ int) {
	for _, k := range acks {
		i, ok := buyerNumber(k.Buyer)
		switch {
		case !ok || i >= len(s.places) || s.places[i] != "" && s.places[i] != k.Order:
			differ++
		default:
			s.places[i] = k.Order
		}
	}
	return differ
}

// buyerNumber is the inverse of generator.Buyer.
func buyerNumber(name string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "buyer-"))
	return n, err == nil && n >= 0
}

// rejoin has hostile buyers join again and again. It costs them nothing, and the site no more than a join.
func (s *lineSite) rejoin(ctx context.Context) error {
	n := s.roles.rejoiners
	if n == 0 {
		return nil
	}
	o := s.joinOrder(0, n*s.Rejoins)
	o.Buyers, o.Patience, o.Rate = n, 0, 0
	return s.join(ctx, "again and again", o, nil)
}

// calm measures what joins cost until something is killed, or all are done.
type calm struct {
	site   *lineSite
	until  int64
	before map[string]float64
	micros map[string]float64
	done   int64 // joins that it is of
	err    error
}

func (c *calm) begin() (err error) {
	c.before, err = c.site.cluster.CPU()
	return err
}

func (c *calm) progress(done int64) {
	if done < c.until || c.done > 0 {
		return
	}
	c.done = done
	after, err := c.site.cluster.CPU()
	c.err = err
	for kind, seconds := range after {
		c.micros[kind] = (seconds - c.before[kind]) * 1e6 / float64(done)
	}
}

// faultsAt brings faults about, one after the other, as joins are done.
type faultsAt struct {
	ctx    context.Context
	acts   []lineFault
	all    int
	killed map[string]int

	group sync.WaitGroup
	mu    sync.Mutex // a fault is under way
	err   error
}

func (f *faultsAt) progress(done int64) {
	if len(f.acts) == 0 || float64(done) < f.acts[0].at*float64(f.all) || !f.mu.TryLock() {
		return
	}
	act := f.acts[0]
	f.acts = f.acts[1:]
	f.killed[act.kind]++
	f.group.Go(func() {
		defer f.mu.Unlock()
		f.err = errors.Join(f.err, act.do(f.ctx))
	})
}

func (f *faultsAt) wait() error {
	f.group.Wait()
	return f.err
}
