package checkout_test

import (
	"context"
	"strings"
	"sync"
	"time"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// store is Redis. It has the model of each sale that is asked for, with plenty of stock, lists
// "s" alone, and has a plan of ten tickets for this node. A function, if set, answers instead.
type store struct {
	sales   func(context.Context) ([]sale.ID, error)
	read    func(context.Context, sale.ID, sale.Generation) (sale.Sale, sale.Reading, error)
	refill  func(ctx context.Context, id sale.ID, known sale.Generation, limit, quantity, weight, all int) (sale.Grant, error)
	expire  func(ctx context.Context, id sale.ID, known sale.Generation, limit int) (int, bool, sale.Reading, error)
	advance func(id sale.ID, known int64) (int64, sale.Reading, error)
	unfit   error // of Redis, for every sale
	news    func(after int64) (ids []sale.ID, next int64, lost bool, err error)
	glance  func(sale.ID) (sale.Glance, error) // nil: nothing changes
	heated  []sale.ID                          // all that were published

	missing func([]sale.OrderID) ([]sale.OrderID, error)
	shut    func(why string) error

	mu     sync.Mutex
	calls  []string // every call, as "name sale", in their order
	models map[sale.ID]*model.Sale
}

// at makes a call of a sale's model.
func (s *store) at(id sale.ID, call func(*model.Sale)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.models[id]
	if m == nil {
		if m = model.New(definition(id), "life", false); s.models == nil {
			s.models = map[sale.ID]*model.Sale{}
		}
		m.Now, s.models[id] = noon, m
	}
	call(m)
}

// sent is the model's reading as a call brings it back.
func sent(r sale.Reading) sale.Reading {
	r.Sent = time.Now()
	return r
}

func (s *store) called(name string, id sale.ID) {
	s.mu.Lock()
	s.calls = append(s.calls, name+" "+string(id))
	s.mu.Unlock()
}

// count is how often the call was made since the last count of anything.
func (s *store) count(call string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (s *store) Sales(ctx context.Context) ([]sale.ID, error) {
	s.called("sales", "")
	if s.sales == nil {
		return []sale.ID{"s"}, nil
	}
	return s.sales(ctx)
}

func (s *store) Read(ctx context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error) {
	s.called("read", id)
	if s.read == nil {
		d, r := s.look(id, 10)
		return d, r, nil
	}
	return s.read(ctx, id, known)
}

// look is a sale as its model has it, with so many tickets for this node in its plan.
func (s *store) look(id sale.ID, slice int64) (d sale.Sale, r sale.Reading) {
	s.at(id, func(m *model.Sale) { d, r = m.Definition(), sent(m.Reading()) })
	r.Plan, r.Allotment = 1, sale.Allotment{Generation: 1, Slice: slice}
	return d, r
}

func (s *store) ReadAll(ctx context.Context, asks []sale.Ask) []sale.Answer {
	answers := make([]sale.Answer, len(asks))
	for i, a := range asks {
		answers[i].Sale, answers[i].Reading, answers[i].Err = s.Read(ctx, a.ID, a.Known)
	}
	return answers
}

func (s *store) Peek(_ context.Context, after int64, ids []sale.ID) (p sale.Peek, err error) {
	if s.news != nil {
		if p.News, p.Next, p.Lost, err = s.news(after); err != nil {
			return p, err
		}
	}
	p.Glances, p.Errs = make([]sale.Glance, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		s.called("glance", id)
		if s.glance != nil {
			p.Glances[i], p.Errs[i] = s.glance(id)
			continue
		}
		s.at(id, func(m *model.Sale) { p.Glances[i].Chain = m.Chain() })
	}
	return p, nil
}

func (s *store) Heat(_ context.Context, ids []sale.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heated = append(s.heated, ids...)
	return nil
}

func (s *store) Refill(ctx context.Context, id sale.ID, known sale.Generation, limit, quantity, weight, all int) (sale.Grant, error) {
	s.called("refill", id)
	if s.refill == nil {
		var g sale.Grant
		var err error
		s.at(id, func(m *model.Sale) {
			g, err = m.Refill(m.Overdue(limit), int64(quantity), int64(weight), int64(all))
		})
		g.Reading = sent(g.Reading)
		return g, err
	}
	return s.refill(ctx, id, known, limit, quantity, weight, all)
}

func (s *store) Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (int, bool, sale.Reading, error) {
	s.called("expire", id)
	if s.expire == nil {
		var ended []sale.Order
		var r sale.Reading
		var err error
		s.at(id, func(m *model.Sale) {
			ended, err = m.Expire(m.Overdue(limit)...)
			r = sent(m.Reading())
		})
		return len(ended), len(ended) == limit, r, err
	}
	return s.expire(ctx, id, known, limit)
}

func (s *store) Advance(_ context.Context, id sale.ID, known int64) (int64, sale.Reading, error) {
	s.called("advance", id)
	if s.advance == nil {
		_, r := s.look(id, 10)
		return known, r, nil
	}
	return s.advance(id, known)
}

func (s *store) Missing(_ context.Context, id sale.ID, orders []sale.OrderID) ([]sale.OrderID, error) {
	s.called("missing", id)
	if s.missing == nil {
		var missing []sale.OrderID
		s.at(id, func(m *model.Sale) {
			for _, o := range orders {
				if _, err := m.Order(o); err != nil {
					missing = append(missing, o)
				}
			}
		})
		return missing, nil
	}
	return s.missing(orders)
}

func (s *store) Shut(_ context.Context, id sale.ID, why string) error {
	s.called("shut", id)
	if s.shut == nil {
		s.at(id, func(m *model.Sale) { m.Shut(why) })
		return nil
	}
	return s.shut(why)
}

func (s *store) Unfit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unfit
}

func (s *store) Refuses(sale.ID) error { return s.Unfit() }

// total is how many calls of a kind were made.
func (s *store) total(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.calls {
		if strings.HasPrefix(c, name+" ") {
			n++
		}
	}
	return n
}

func (s *store) forgetCalls() {
	s.mu.Lock()
	s.calls = nil
	s.mu.Unlock()
}
