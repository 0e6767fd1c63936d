package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/internal/operate"
	"onsale/internal/pause"
	"onsale/internal/sale"
)

// saleResult is how the tickets were sold. Seconds count from the opening.
type saleResult struct {
	Most    float64            `json:"seconds_until_99_percent,omitempty"`
	All     float64            `json:"seconds_until_all,omitempty"`
	Front   int64              `json:"front"` // at the end
	Visits  map[visitEnd]int   `json:"visits"`
	Share   float64            `json:"refused_share"` // of the tries in turn, those that found the sale sold out
	CPU     map[string]float64 `json:"cpu_seconds"`
	Late    lateResult         `json:"late_line"`
	TooSoon int                `json:"refused_though_in_turn"`
	Differ  int                `json:"places_that_differ"`
}

// lateResult is how the late line was served.
type lateResult struct {
	Longest int64 `json:"longest"`
	Joined  int64 `json:"joined"`
	Called  int64 `json:"called"`
	Passed  int   `json:"newcomers_before_them"` // moves of the front while somebody waited in it
}

// returnsResult is how tickets were sold again that buyers had given back.
type returnsResult struct {
	Returned int       `json:"returned"`
	At       float64   `json:"second"`            // since the opening, when the first was
	Seconds  float64   `json:"seconds_until_all"` // sold again
	Turns    quantiles `json:"return_to_turn_ms"` // of those next in turn who were served
	Orders   quantiles `json:"turn_to_order_ms"`  // of the same
	Next     int       `json:"served_next_in_turn"`
	Refused  int       `json:"refused_in_turn"`
	Late     int       `json:"served_late"`
}

// Bounds of a sale by turns.
const (
	refusedShare   = 0.01 // of the tries in turn; or refusedPeople
	refusedPeople  = 2
	turnToOrder    = 3 * time.Second
	quietAfterSold = 3 * time.Second
)

// sell opens the sale, has people come in their turn until all is sold, give tickets back, and others buy those.
func (s *lineSite) sell(ctx context.Context) error {
	opens := time.Now().Add(3 * time.Second)
	if earliest := s.drawAt.Add(sale.DrawBefore); opens.Before(earliest) {
		opens = earliest
	}
	s.opens = opens.Truncate(time.Millisecond)
	body, err := json.Marshal(map[string]any{"opens_at": s.opens})
	if err != nil {
		return err
	}
	if _, err := s.cluster.AdminCall(ctx, http.MethodPatch, "/admin/v1/sales/"+lineSale, body); err != nil {
		return err
	}
	logLine(fmt.Sprintf("the sale opens in %.0f s", time.Until(s.opens).Seconds()))
	p := &linePeople{lineSite: s, watch: &lineWatch{client: s.client}, cancelled: map[string]bool{}}
	before, err := s.cluster.CPU()
	if err != nil {
		return err
	}
	selling, done := context.WithCancel(ctx)
	visiting, leave := context.WithCancel(ctx)
	defer leave()
	defer done()
	var group sync.WaitGroup
	group.Go(func() { p.watch.follow(selling) })
	group.Go(func() { p.follow(selling, visiting) })
	group.Go(func() { p.attack(selling) })
	err = p.sellAll(ctx, s.opens)
	if err == nil {
		err = p.sellAgain(ctx)
	}
	done()
	group.Wait()
	leave()
	p.group.Wait()
	p.sum()
	s.people = p
	after, cerr := s.cluster.CPU()
	for kind := range after {
		s.result.Sale.CPU[kind] = after[kind] - before[kind]
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(err, cerr, p.watch.err)
}

// sellAll waits until all is sold, since some time.
func (p *linePeople) sellAll(ctx context.Context, since time.Time) error {
	shown := time.Now()
	for {
		l := p.watch.now()
		if _, sold := p.watch.when(since, func(l lineLook) bool { return l.remaining == 0 }); sold && l.remaining == 0 {
			return nil
		}
		if time.Since(since) > p.Limit {
			p.result.Faults = append(p.result.Faults, fmt.Sprintf("%d tickets were left after %v", l.remaining, p.Limit))
			return nil
		}
		if time.Since(shown) > 5*time.Second {
			shown = time.Now()
			logLine(fmt.Sprintf("%4.0f s: front %d, %d tickets left, %d of %d called in the late line", time.Since(since).Seconds(), l.front, l.remaining, l.lateMay, l.lateJoined))
		}
		if !pause.For(ctx, 20*time.Millisecond) {
			return nil
		}
	}
}

// sellAgain has buyers give tickets back, and those next in turn buy them.
func (p *linePeople) sellAgain(ctx context.Context) error {
	if !pause.For(ctx, quietAfterSold) {
		return nil
	}
	// From here on those who are admitted wait for it.
	p.attentive.Store(true)
	p.mu.Lock()
	var given []visited
	for _, v := range p.visits {
		if v.order != "" && p.roles.of(v.buyer) == honest && len(given) < p.Returns {
			given = append(given, v)
		}
	}
	p.mu.Unlock()
	began := time.Now()
	if err := p.giveBack(ctx, given); err != nil || ctx.Err() != nil {
		return err
	}
	logLine(fmt.Sprintf("%d tickets were given back in %.1f s", len(given), time.Since(began).Seconds()))
	p.result.Returns.Returned = len(given)
	pause.For(ctx, 4*watchEvery) // until the watch has seen all of them
	if err := p.sellAll(ctx, began); err != nil || ctx.Err() != nil {
		return err
	}
	p.result.Returns.Seconds, p.returnedFrom = time.Since(began).Seconds(), began
	p.result.Returns.At = began.Sub(p.opens).Seconds()
	pause.For(ctx, quietAfterSold) // for the answers that are under way
	return nil
}

// giveBack cancels orders, several at the same time.
func (p *linePeople) giveBack(ctx context.Context, given []visited) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(given) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				a, err := p.person(given[i].buyer).giveBack(ctx, given[i].order)
				if err == nil && a.status != http.StatusOK {
					err = fmt.Errorf("%s gives order %s back: %d %s", generator.Buyer(given[i].buyer), given[i].order, a.status, a.Code)
				}
				if err != nil {
					stop(err)
					return
				}
				p.mu.Lock()
				p.cancelled[given[i].order] = true
				p.mu.Unlock()
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// sum counts how the visits ended.
func (p *linePeople) sum() {
	r, back := &p.result.Sale, &p.result.Returns
	l := p.watch.now()
	p.result.opened, p.result.curve = p.opens, p.watch.curve
	r.Front = l.front
	r.Late = lateResult{Longest: p.watch.waiting, Joined: l.lateJoined, Called: l.lateMay, Passed: p.watch.passed}
	r.TooSoon, r.Differ = p.tooSoon, p.differ
	if at, ok := p.watch.when(p.opens, func(l lineLook) bool { return l.remaining*100 <= int64(p.Tickets) }); ok {
		r.Most = at.Sub(p.opens).Seconds()
	}
	if at, ok := p.watch.when(p.opens, func(l lineLook) bool { return l.remaining == 0 }); ok {
		r.All = at.Sub(p.opens).Seconds()
	}
	turns, orders := generator.NewLatency(), generator.NewLatency()
	for _, v := range p.visits {
		r.Visits[v.end]++
		if p.returnedFrom.IsZero() || v.decided.Before(p.returnedFrom) {
			continue
		}
		switch {
		case v.end == endRefused:
			back.Refused++
		case v.end == endLate:
			back.Late++
		case v.end == endServed && v.turn.After(p.returnedFrom):
			back.Next++
			turns.Record(v.turn.Sub(p.returnedFrom))
			orders.Record(v.decided.Sub(v.turn))
		}
	}
	back.Turns, back.Orders = millisAt(turns), millisAt(orders)
	if tries := r.Visits[endServed] + r.Visits[endRefused]; tries > 0 {
		r.Share = float64(r.Visits[endRefused]) / float64(tries)
	}
	for _, err := range p.errs[:min(5, len(p.errs))] {
		p.result.Faults = append(p.result.Faults, "somebody failed: "+err.Error())
	}
}

// audit puts what everybody was answered beside Redis and the ledger.
func (s *lineSite) audit(ctx context.Context) error {
	if err := recorded(ctx, s.store, lineSale); err != nil {
		return err
	}
	a, err := operate.Audit(ctx, s.cluster.Stores(), lineSale, 0, zap.NewNop())
	if err != nil {
		return err
	}
	p, r := s.people, s.result
	answers, ends := judge.Answers{SoldOut: p.refused, Refused: int64(len(p.refused))}, judge.Ends{States: map[sale.OrderID]sale.State{}}
	for _, v := range p.visits {
		switch {
		case v.order != "" && p.cancelled[v.order]:
			ends.States[sale.OrderID(v.order)] = sale.StateCancelled
		case v.order != "":
			ends.States[sale.OrderID(v.order)] = sale.StateHeld
			answers.Acks = append(answers.Acks, generator.Ack{Buyer: generator.Buyer(v.buyer), Order: v.order})
		case v.end == endNoAnswer || v.end == endWaiting:
			ends.Unanswered++
			answers.Unanswered = append(answers.Unanswered, generator.Buyer(v.buyer))
		}
	}
	r.Sold = a.Sold()
	r.Verdict = judge.Judge(judge.FromAudit(a), answers)
	r.Faults = append(r.Faults, a.Faults...)
	v := judge.JudgeEnds(ends, a)
	if v.Lost+v.Contradicted > 0 {
		r.Faults = append(r.Faults, fmt.Sprintf("%d orders were lost, and %d contradict what was answered", v.Lost, v.Contradicted))
	}
	r.Faults = append(r.Faults, v.Faults...)
	r.Beyond, r.Unadmitted = s.outOfTurn(a.Book.Orders)
	return nil
}

// outOfTurn counts orders, ended ones too, that were made before the front had come to their buyer's place, and those of hostile
// buyers who never came in their turn.
func (s *lineSite) outOfTurn(orders map[sale.OrderID]sale.Order) (beyond, unadmitted int) {
	for _, o := range orders {
		buyer, ok := buyerNumber(string(o.Buyer))
		if !ok || buyer >= len(s.positions) {
			unadmitted++
			continue
		}
		turn, admitted := s.people.watch.turnOf(s.positions[buyer])
		if !admitted || o.Created.Time().Before(turn.seen.Truncate(time.Millisecond)) {
			beyond++
		}
		switch s.roles.of(buyer) {
		case rejoiner, forger, thief:
			unadmitted++
		}
	}
	return beyond, unadmitted
}
