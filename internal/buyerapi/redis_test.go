package buyerapi_test

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"onsale/internal/payment"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// noon is Redis time in every test, years away from this machine's
// clock: what looks at the wrong one is caught by every test.
var noon = sale.Instant(time.Date(2042, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli())

// redis has the model of each sale that is asked for, with plenty of stock.
type redis struct {
	mu     sync.Mutex
	models map[sale.ID]*model.Sale
}

// at makes a call of a sale's model.
func (r *redis) at(id sale.ID, call func(*model.Sale)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.models[id]
	if m == nil {
		if m = model.New(definition(id), "life", false); r.models == nil {
			r.models = map[sale.ID]*model.Sale{}
		}
		m.Now, r.models[id] = noon, m
	}
	call(m)
}

// look is the sale as a call brings it back.
func (r *redis) look(id sale.ID) (d sale.Sale, now sale.Reading) {
	r.at(id, func(m *model.Sale) { d, now = m.Definition(), m.Reading() })
	now.Sent = time.Now()
	return d, now
}

// keeping is a site whose Redis has anOrder of alice, of two tickets, in this state.
func keeping(state sale.State) *site {
	return (&site{}).with(func(m *model.Sale) {
		_, err := m.Decide([]sale.Claim{{Order: anOrder, Buyer: "alice", Quantity: 2}}, false)
		must(err)
		switch state {
		case sale.StatePaid:
			payFor(m, "pay_0", 9900)
		case sale.StateExpired:
			_, err = m.Expire(anOrder)
		case sale.StateCancelled:
			_, err = m.Cancel(anOrder, "alice")
		}
		must(err)
	})
}

// payable is a site that has secrets, and anOrder that waits for its payment.
func payable() *site {
	s := keeping(sale.StateHeld)
	s.secrets = payment.Secrets{ours, former}
	return s
}

// payFor has a payment for anOrder arrive.
func payFor(m *model.Sale, id sale.PaymentID, amount int64) {
	message := "msg" + sale.MessageID(id[len("pay"):])
	_, err := m.Pay(sale.Payment{ID: id, Message: message, Order: anOrder, Amount: amount, Currency: "EUR"})
	must(err)
}

// with changes the sale "s" in the site's Redis.
func (s *site) with(change func(*model.Sale)) *site {
	s.redis.at("s", change)
	return s
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// store is the site's Redis as its catalog asks it: one sale "s", and a plan of ten tickets
// for this node. A function, if set, answers instead.
type store struct {
	sales  func() ([]sale.ID, error)
	read   func(sale.ID) (sale.Sale, sale.Reading, error)
	refill func(quantity int) (sale.Grant, error)
	redis  *redis
}

func (s *store) Sales(context.Context) ([]sale.ID, error) {
	if s.sales == nil {
		return []sale.ID{"s"}, nil
	}
	return s.sales()
}

func (s *store) Read(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
	if s.read == nil {
		if id != "s" {
			return sale.Sale{}, sale.Reading{}, sale.NoSale("read")
		}
		d, r := s.redis.look(id)
		r.Plan, r.Allotment = 1, sale.Allotment{Generation: 1, Slice: 10}
		return d, r, nil
	}
	return s.read(id)
}

func (s *store) ReadAll(ctx context.Context, asks []sale.Ask) []sale.Answer {
	answers := make([]sale.Answer, len(asks))
	for i, a := range asks {
		answers[i].Sale, answers[i].Reading, answers[i].Err = s.Read(ctx, a.ID, a.Known)
	}
	return answers
}

func (*store) Peek(_ context.Context, _ int64, ids []sale.ID) (sale.Peek, error) {
	return sale.Peek{Glances: make([]sale.Glance, len(ids)), Errs: make([]error, len(ids))}, nil
}

func (*store) Heat(context.Context, []sale.ID) error { return nil }

func (s *store) Refill(_ context.Context, id sale.ID, _ sale.Generation, limit, quantity, weight, all int) (g sale.Grant, err error) {
	if s.refill != nil {
		return s.refill(quantity)
	}
	s.redis.at(id, func(m *model.Sale) {
		g, err = m.Refill(m.Overdue(limit), int64(quantity), int64(weight), int64(all))
	})
	g.Reading.Sent = time.Now()
	return g, err
}

func (s *store) Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (int, bool, sale.Reading, error) {
	var ended []sale.Order
	var err error
	s.redis.at(id, func(m *model.Sale) { ended, err = m.Expire(m.Overdue(limit)...) })
	_, r, err2 := s.Read(ctx, id, known)
	if err == nil {
		err = err2
	}
	return len(ended), len(ended) == limit, r, err
}

func (*store) Advance(_ context.Context, _ sale.ID, known int64) (int64, sale.Reading, error) {
	return known, sale.Reading{}, sale.ErrUnavailable
}

func (*store) Missing(context.Context, sale.ID, []sale.OrderID) ([]sale.OrderID, error) {
	return nil, nil
}

func (*store) Shut(context.Context, sale.ID, string) error { return nil }

func (*store) Unfit() error { return nil }

func (*store) Refuses(sale.ID) error { return nil }

// remote decides claims by its function.
type remote func(sale.Claim) (sale.Decision, error)

func (r remote) Decide(c sale.Claim) (sale.Decision, error) { return r(c) }

func (r remote) Join(sale.Join) (sale.Placed, error) { return sale.Placed{}, sale.ErrUnavailable }

func (r remote) Wait() {}

// decides is the remote of a sale of the site's Redis.
func (r *redis) decides(id sale.ID) remote {
	return func(c sale.Claim) (sale.Decision, error) {
		var d []sale.Decision
		var err error
		if r.at(id, func(m *model.Sale) { d, err = m.Decide([]sale.Claim{c}, false) }); err != nil {
			return sale.Decision{}, err
		}
		return d[0], nil
	}
}

// pays is how a store takes a payment.
type pays func(sale.ID, sale.Generation, sale.Payment) (sale.Receipt, sale.Reading, error)

// orders are those of the site's Redis. A function, if set, answers instead.
type orders struct {
	order  func(sale.OrderID) (sale.Order, error)
	mine   func(sale.Buyer) (sale.Order, error)
	cancel func(sale.OrderID, sale.Buyer) (sale.Order, sale.Reading, error)
	pay    pays
	orphan func(sale.ID, sale.Payment) (sale.Receipt, error)
	calls  atomic.Int64
	redis  *redis
}

func (o *orders) Order(_ context.Context, id sale.ID, order sale.OrderID) (found sale.Order, err error) {
	if o.calls.Add(1); o.order != nil {
		return o.order(order)
	}
	o.redis.at(id, func(m *model.Sale) { found, err = m.Order(order) })
	return found, err
}

func (o *orders) OrderOf(_ context.Context, id sale.ID, buyer sale.Buyer) (found sale.Order, err error) {
	if o.calls.Add(1); o.mine != nil {
		return o.mine(buyer)
	}
	o.redis.at(id, func(m *model.Sale) { found, err = m.OrderOf(buyer) })
	return found, err
}

func (o *orders) Cancel(_ context.Context, id sale.ID, _ sale.Generation, order sale.OrderID, buyer sale.Buyer) (is sale.Order, r sale.Reading, err error) {
	if o.calls.Add(1); o.cancel != nil {
		return o.cancel(order, buyer)
	}
	o.redis.at(id, func(m *model.Sale) { is, err = m.Cancel(order, buyer) })
	_, r = o.redis.look(id)
	return is, r, err
}

func (o *orders) Pay(_ context.Context, id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
	if o.calls.Add(1); o.pay != nil {
		return o.pay(id, known, p)
	}
	return o.take(id, known, p)
}

// take has the model take a payment.
func (o *orders) take(id sale.ID, _ sale.Generation, p sale.Payment) (got sale.Receipt, r sale.Reading, err error) {
	o.redis.at(id, func(m *model.Sale) { got, err = m.Pay(p) })
	_, r = o.redis.look(id)
	return got, r, err
}

func (o *orders) Orphan(_ context.Context, id sale.ID, p sale.Payment) (sale.Receipt, error) {
	if o.calls.Add(1); o.orphan == nil {
		return sale.Receipt{}, sale.ErrUnavailable
	}
	return o.orphan(id, p)
}
