package rebalance

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// store is Redis as far as planning can see it: the model of each sale, and its plan. One lock makes each call atomic, as a script is.
type store struct {
	// before, if set, runs ahead of each call, outside the lock; its error is
	// the call's. It may wait, for a slow or stuck store.
	before func(ctx context.Context, op Op, id sale.ID) error

	mu    sync.Mutex
	books map[sale.ID]*book
	calls []call

	news, hot []sale.ID // the feeds; a number is how many were seen
	glanced   int       // how many glances there were
}

type call struct {
	op Op
	id sale.ID
	at time.Time
}

// book is one sale, and what planning has written of it. Its generations count from 1, as its
// time stands still, so that scenarios read well.
type book struct {
	*model.Sale
	plan, planned, fence sale.Generation
	shares               []sale.Share
	holds                []sale.OrderID // of one ticket each, oldest first
	overdue              int64          // so many of them
	line                 *sale.Line     // nil: none
	kept                 []byte         // of the draw's list
}

func newStore(totals map[sale.ID]int64) *store {
	s := &store{books: make(map[sale.ID]*book)}
	for id, total := range totals {
		s.open(id, total)
	}
	return s
}

func (s *store) open(id sale.ID, total int64) {
	s.with(func() {
		d := sale.Sale{ID: id, Total: total, Price: 1, HoldFor: time.Minute}
		s.books[id] = &book{Sale: model.New(d, "life", false)}
	})
}

// with changes the store as somebody else's script would.
func (s *store) with(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// book returns a copy of a sale's state.
func (s *store) book(id sale.ID) (b book) {
	s.with(func() { b = *s.books[id] })
	return b
}

// count returns how often op was called, for id or for any sale if that is empty.
func (s *store) count(op Op, id sale.ID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c.op == op && (id == "" || c.id == id) {
			n++
		}
	}
	return n
}

// run makes one call: the interference first, then the script.
func (s *store) run(ctx context.Context, op Op, id sale.ID, script func(b *book) error) error {
	s.with(func() { s.calls = append(s.calls, call{op, id, time.Now()}) })
	if s.before != nil {
		if err := s.before(ctx, op, id); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.books[id]
	if b == nil && op != OpSales {
		return sale.ErrNoSale
	}
	return script(b)
}

func (s *store) Sales(ctx context.Context) (ids []sale.ID, err error) {
	err = s.run(ctx, OpSales, "", func(*book) error {
		for id := range s.books {
			ids = append(ids, id)
		}
		return nil
	})
	return ids, err
}

func (s *store) News(_ context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.news) < int(after) {
		return nil, 0, true, nil
	}
	return slices.Clone(s.news[after:]), int64(len(s.news)), false, nil
}

func (s *store) Hot(_ context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.hot[after:]), int64(len(s.hot)), false, nil
}

func (s *store) Glances(_ context.Context, ids []sale.ID) ([]sale.Glance, []error) {
	glances, errs := make([]sale.Glance, len(ids)), make([]error, len(ids))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.glanced += len(ids)
	for i, id := range ids {
		b := s.books[id]
		if b == nil {
			errs[i] = sale.ErrNoSale
			continue
		}
		glances[i] = sale.Glance{Chain: b.Chain(), Plan: b.plan, Held: b.Counters().Held}
	}
	return glances, errs
}

func (s *store) Survey(ctx context.Context, id sale.ID) (v sale.Survey, err error) {
	err = s.run(ctx, OpSurvey, id, func(b *book) error {
		v = sale.Survey{Sale: b.Definition(), Reading: b.reading(), Counters: b.Counters(), Planned: b.planned, Shares: slices.Clone(b.shares)}
		slices.Reverse(v.Shares) // the store promises no order
		return nil
	})
	return v, err
}

func (s *store) WritePlan(ctx context.Context, id sale.ID, token, stock sale.Generation, shares []sale.Share) (plan sale.Generation, err error) {
	err = s.run(ctx, OpPlan, id, func(b *book) error {
		switch {
		case token < b.fence:
			return sale.ErrFenced
		case stock != b.Reading().Stock:
			return sale.ErrStale
		}
		b.fence, b.planned, b.shares = token, stock, slices.Clone(shares)
		b.plan++
		plan = b.plan
		return nil
	})
	return plan, err
}

func (s *store) Expire(ctx context.Context, id sale.ID, _ sale.Generation, limit int) (ended int, more bool, r sale.Reading, err error) {
	err = s.run(ctx, OpExpire, id, func(b *book) error {
		ended = int(min(b.overdue, int64(limit)))
		more = ended == limit
		b.overdue -= int64(ended)
		if _, err := b.Sale.Expire(b.holds[:ended]...); err != nil {
			return err
		}
		b.holds = b.holds[ended:]
		r = b.reading()
		return nil
	})
	return ended, more, r, err
}

// Advance admits one place with each call.
func (s *store) Advance(ctx context.Context, id sale.ID, known int64) (front int64, r sale.Reading, err error) {
	err = s.run(ctx, OpAdvance, id, func(b *book) error {
		b.line.Front = max(b.line.Front+1, known)
		front, r = b.line.Front, b.reading()
		return nil
	})
	return front, r, err
}

// Draw is draw.lua but for the time.
func (s *store) Draw(ctx context.Context, id sale.ID, step sale.DrawStep, value string) (l sale.Line, err error) {
	err = s.run(ctx, OpDraw, id, func(b *book) error {
		switch {
		case step == sale.DrawFreeze && !b.line.Over:
			b.line.Over, b.line.Drawn = true, b.line.Joined
		case step == sale.DrawList && b.line.List == "":
			b.line.List = value
		}
		l = *b.line
		return nil
	})
	return l, err
}

func (s *store) DrawnPlaces(ctx context.Context, id sale.ID, each func(sale.Buyer)) error {
	return s.run(ctx, "", id, func(b *book) error {
		for i := range b.line.Drawn {
			each(sale.Buyer(fmt.Sprint("b", i)))
		}
		return nil
	})
}

func (s *store) KeepEntries(ctx context.Context, id sale.ID, _ string, part int, entries []byte) error {
	return s.run(ctx, "", id, func(b *book) error {
		b.kept = append(b.kept, entries...)
		return nil
	})
}

func (s *store) Entries(context.Context, sale.ID, int, func([]byte)) error { return nil }

func (b *book) reading() sale.Reading {
	r := b.Reading()
	r.Plan = b.plan
	if b.line != nil {
		l := *b.line
		r.Line = &l
	}
	return r
}

// sell holds up to n tickets by way of node, each for a buyer of its own, and returns how many
// it got.
func (b *book) sell(node string, n int64) int64 {
	claims := make([]sale.Claim, min(n, b.Counters().Remaining))
	for i := range claims {
		id := sale.OrderID(fmt.Sprint("o", b.Chain().Seq, "-", i))
		claims[i] = sale.Claim{Order: id, Buyer: sale.Buyer(id), Quantity: 1}
	}
	for _, d := range b.decide(node, claims...) {
		b.holds = append(b.holds, d.Order.ID)
	}
	return int64(len(claims))
}

// decide has the sale decide claims that are all granted.
func (b *book) decide(node string, claims ...sale.Claim) []sale.Decision {
	decisions, err := b.Decide(claims, false)
	if err != nil {
		panic(err)
	}
	for _, d := range decisions {
		if d.Outcome != sale.Held {
			panic(fmt.Sprintf("got %s for %+v", d.Outcome, d.Order))
		}
		for i := range b.shares {
			if b.shares[i].Node == node {
				b.shares[i].Claimed += int64(d.Order.Quantity)
			}
		}
	}
	return decisions
}

// giveBack cancels the n newest holds.
func (b *book) giveBack(n int64) {
	left := len(b.holds) - int(n)
	for _, id := range b.holds[left:] {
		if _, err := b.Cancel(id, sale.Buyer(id)); err != nil {
			panic(err)
		}
	}
	b.holds = b.holds[:left]
}

// restock changes the total.
func (b *book) restock(delta int64) {
	if _, err := b.Restock(delta, fmt.Sprint("key-", b.Chain().Seq)); err != nil {
		panic(err)
	}
}
