package rebalance

import (
	"context"
	"slices"
	"sync"
	"time"

	"onsale/internal/sale"
)

// store is Redis as far as planning can see it: plans, claims and generations
// follow the scripts' rules. One lock makes each call atomic, as a script is.
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

// book is one sale's state. Its generations count from 1, so that scenarios read well.
type book struct {
	sale                        sale.Sale
	remaining, held, overdue    int64
	stock, plan, planned, fence sale.Generation
	shares                      []sale.Share
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
		s.books[id] = &book{sale: sale.Sale{ID: id, Total: total}, remaining: total, stock: 1}
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

// count says how often op was called, for id or for any sale if that is empty.
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
		glances[i].Plan, glances[i].Held = b.plan, b.held
		glances[i].Seq = int64(b.stock)*1_000_000 + b.remaining
	}
	return glances, errs
}

func (s *store) Survey(ctx context.Context, id sale.ID) (v sale.Survey, err error) {
	err = s.run(ctx, OpSurvey, id, func(b *book) error {
		v = sale.Survey{Sale: b.sale, Reading: b.reading(), Planned: b.planned, Shares: slices.Clone(b.shares)}
		v.Counters = sale.Counters{Total: b.sale.Total, Remaining: b.remaining, Held: b.held}
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
		case stock != b.stock:
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
		b.giveBack(int64(ended))
		r = b.reading()
		return nil
	})
	return ended, more, r, err
}

func (b *book) reading() sale.Reading {
	return sale.Reading{Remaining: b.remaining, Stock: b.stock, Plan: b.plan}
}

// sell holds up to n tickets by way of node and returns how many it got.
func (b *book) sell(node string, n int64) int64 {
	n = min(n, b.remaining)
	b.remaining -= n
	b.held += n
	for i := range b.shares {
		if b.shares[i].Node == node {
			b.shares[i].Claimed += n
		}
	}
	return n
}

// giveBack returns n held tickets.
func (b *book) giveBack(n int64) {
	if n == 0 {
		return
	}
	b.held -= n
	b.remaining += n
	b.stock++
}

// members is a view that tests change.
type members struct {
	mu      sync.Mutex
	view    sale.View
	changed chan struct{}
}

func newMembers(nodes ...sale.Node) *members {
	return &members{view: nodes, changed: make(chan struct{}, 1)}
}

func (m *members) View() sale.View {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

func (m *members) Changed() <-chan struct{} { return m.changed }

// set replaces the view, as gossip does, without changing the one handed out.
func (m *members) set(view sale.View) {
	m.mu.Lock()
	m.view = view
	m.mu.Unlock()
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// update applies change to every node; false drops it.
func (m *members) update(change func(n *sale.Node) bool) {
	var view sale.View
	for _, n := range m.View() {
		if change(&n) {
			view = append(view, n)
		}
	}
	m.set(view)
}

func (m *members) fail(name string) {
	m.update(func(n *sale.Node) bool { return n.Name != name })
}

func selling(names ...string) []sale.Node {
	var nodes []sale.Node
	for _, name := range names {
		nodes = append(nodes, sale.Node{Name: name, Weight: 1, Ready: true})
	}
	return nodes
}

// record is the lease as the store has it.
type record struct {
	ttl time.Duration

	mu     sync.Mutex
	holder *acquirer
	token  sale.Generation
	until  time.Time
}

// acquirer is one allocator's view of the lease.
type acquirer struct {
	record   *record
	before   func(ctx context.Context) error // its error is the call's
	acquired int
}

func (l *acquirer) Acquire(ctx context.Context) (sale.Generation, bool, error) {
	l.record.mu.Lock()
	defer l.record.mu.Unlock()
	l.acquired++
	if l.before != nil {
		if err := l.before(ctx); err != nil {
			return 0, false, err
		}
	}
	r := l.record
	free := !time.Now().Before(r.until)
	if !free && r.holder != l {
		return r.token, false, nil
	}
	if free {
		r.token++
	}
	r.holder, r.until = l, time.Now().Add(r.ttl)
	return r.token, true, nil
}

func (l *acquirer) Release(ctx context.Context) error {
	l.record.mu.Lock()
	defer l.record.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.before != nil {
		if err := l.before(ctx); err != nil {
			return err
		}
	}
	if l.record.holder == l {
		l.record.until = time.Now()
	}
	return nil
}

// seize gives the lease to a stranger for d.
func (r *record) seize(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token++
	r.holder, r.until = nil, time.Now().Add(d)
}
