package localstock_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

var errAway = errors.New("redis is away")

// world is the model beside the real stock.
type world struct {
	model  model
	stock  *localstock.Stock
	source *source
	refill *refill // the one under way
	since  time.Time
	all    []*party
}

func TestStockAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failure any
		synctest.Test(t, func(*testing.T) {
			w := &world{source: newSource()}
			w.stock = newStock(w.source, func(c *localstock.Config) { c.Waiters = waiters })
			defer w.end()
			// rapid fails by a panic, which must not end the bubble half-way.
			defer func() { failure = recover() }()
			time.Sleep(time.Minute)
			rt.Repeat(map[string]func(*rapid.T){
				"": w.check, "acquire": w.acquire, "handback": w.handBack, "observe": w.observe,
				"refill ends": w.refillEnds, "time passes": w.advance, "cancel": w.cancel, "close": w.close,
			})
		})
		// rapid tells failures apart by the line they come from, so that a case cut
		// too short to be valid, rapid's own panic, does not pass for a failed check.
		if rt.Failed() {
			rt.Fatal(failure)
		}
		if failure != nil {
			panic(failure)
		}
	})
}

// end lets every goroutine of the bubble finish.
func (w *world) end() {
	for _, p := range w.all {
		p.cancel()
	}
	for synctest.Wait(); ; synctest.Wait() {
		if w.refill == nil && len(w.source.refills) == 0 {
			w.stock.Wait()
			return
		}
		if w.refill != nil {
			w.refill.fails(errAway)
			w.refill = nil
			continue
		}
		d := <-w.source.refills
		w.refill = &d
	}
}

func (w *world) acquire(t *rapid.T) {
	time.Sleep(time.Microsecond) // no two give up at the same moment
	w.model.advance(0)
	synctest.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	p := &party{quantity: rapid.Int64Range(1, 5).Draw(t, "quantity"), cancel: cancel, givesUp: time.Now().Add(250 * time.Millisecond)}
	w.model.acquire(p)
	p.real = acquire(ctx, w.stock, int(p.quantity))
	w.all = append(w.all, p)
}

func (w *world) one(t *rapid.T, which func(*party) bool) *party {
	candidates := slices.DeleteFunc(slices.Clone(w.all), func(p *party) bool { return !which(p) })
	if len(candidates) == 0 {
		return nil
	}
	return rapid.SampledFrom(candidates).Draw(t, "request")
}

func (w *world) handBack(t *rapid.T) {
	if p := w.one(t, func(p *party) bool { return p.want == "tickets" && !p.returned }); p != nil {
		p.returned = true
		w.model.handBack(p)
		w.stock.HandBack(p.real.taken)
	}
}

func (w *world) cancel(t *rapid.T) {
	if p := w.one(t, func(p *party) bool { return p.want == "" }); p != nil {
		w.model.leave(p)
		p.cancel()
	}
}

func (w *world) reading(t *rapid.T) sale.Reading {
	r := sale.Reading{
		Sent:      time.Now().Add(-rapid.SampledFrom([]time.Duration{0, time.Millisecond, 300 * time.Millisecond, 2 * time.Second}).Draw(t, "travelled")),
		At:        1,
		Remaining: max(0, rapid.Int64Range(-3, 6).Draw(t, "remaining")),
		Stock:     max(1, w.model.stock+sale.Generation(rapid.IntRange(-1, 1).Draw(t, "stock"))),
	}
	if rapid.Bool().Draw(t, "plan") {
		r.Plan = max(1, w.model.plan+sale.Generation(rapid.IntRange(-1, 1).Draw(t, "generation")))
		r.Allotment = sale.Allotment{Generation: r.Plan, Slice: rapid.Int64Range(0, 6).Draw(t, "slice"), Buffer: rapid.Int64Range(0, 6).Draw(t, "buffer")}
	}
	return r
}

func (w *world) observe(t *rapid.T) {
	r := w.reading(t)
	w.model.observe(r)
	w.stock.Observe(r)
}

func (w *world) refillEnds(t *rapid.T) {
	if w.refill == nil {
		return
	}
	d := *w.refill
	w.refill = nil
	if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
		w.model.refilled(sale.Grant{}, errAway)
		d.fails(errAway)
		return
	}
	g := sale.Grant{Reading: w.reading(t)}
	g.Result = rapid.SampledFrom([]sale.GrantResult{sale.Granted, sale.Granted, sale.GrantNotEnough, sale.GrantNotOpen, sale.GrantClosed}).Draw(t, "result")
	switch {
	case g.Reading.Remaining == 0:
		g.Result = sale.GrantSoldOut
	case g.Result == sale.Granted:
		g.Tickets = rapid.Int64Range(0, 6).Draw(t, "tickets")
	}
	w.model.refilled(g, nil)
	d.grants(g)
}

func (w *world) advance(t *rapid.T) {
	d := rapid.SampledFrom([]time.Duration{time.Millisecond, 100 * time.Millisecond, 251 * time.Millisecond, 999 * time.Millisecond}).Draw(t, "for")
	if w.refill != nil && time.Since(w.since)+d > 1900*time.Millisecond {
		return // a refill's own deadline is another test's
	}
	w.model.advance(d)
	time.Sleep(d)
}

func (w *world) close(*rapid.T) {
	w.model.reject("closed", everybody)
	w.stock.Reject(sale.Closed)
}

func (w *world) check(t *rapid.T) {
	synctest.Wait()
	if w.refill == nil && len(w.source.refills) > 0 {
		d := <-w.source.refills
		w.refill, w.since = &d, time.Now()
	}
	if n := len(w.source.refills); n > 0 || (w.refill != nil) != w.model.refilling {
		t.Fatalf("got a refill under way %v and %d more, want %v", w.refill != nil, n, w.model.refilling)
	}
	m := &w.model
	if slice, buffer := w.stock.Level(); slice != m.slice || buffer != m.buffer {
		t.Fatalf("got slice %d and buffer %d, want %d and %d", slice, buffer, m.slice, m.buffer)
	}
	if got := w.stock.SoldOut(); got != m.soldOut() {
		t.Fatalf("got sold out %v, want %v", got, m.soldOut())
	}
	if got := w.stock.Exhausted(); got != m.exhausted {
		t.Fatalf("got exhausted %v, want %v", got, m.exhausted)
	}
	if got := w.stock.Generation(); got != m.plan {
		t.Fatalf("got plan generation %d, want %d", got, m.plan)
	}
	for i, p := range w.all {
		if got := outcome(p.real); got != p.want {
			t.Fatalf("request %d of %d tickets: got %q, want %q", i, p.quantity, got, p.want)
		}
	}
}

// outcome is a request's answer as the model names it, "" while it waits.
func outcome(r *request) string {
	select {
	case <-r.done:
	default:
		return ""
	}
	switch {
	case r.ok:
		return "tickets"
	case r.refusal.Err != nil:
		return "error"
	}
	return r.refusal.Outcome.String()
}
