package buyerapi_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"onsale/internal/buyerapi"
	"onsale/internal/checkout"
	"onsale/internal/payment"
	"onsale/internal/sale"
)

func TestMain(m *testing.M) {
	// fasthttp starts its clock for the Date header once and never stops it; the
	// cleaner of a server that was shut down notices after ten seconds.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// noon is the Redis time of every reading, years away from this machine's
// clock: what looks at the wrong one is caught by every test.
var noon = sale.Instant(time.Date(2042, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli())

// store is a Redis of functions. Those left nil answer that all is well: one
// sale "s" with plenty of stock, and a plan of ten tickets for this node.
type store struct {
	sales func() ([]sale.ID, error)
	read  func(sale.ID) (sale.Sale, sale.Reading, error)
	draw  func(quantity int) (sale.Grant, error)
}

func (s *store) Sales(context.Context) ([]sale.ID, error) {
	if s.sales == nil {
		return []sale.ID{"s"}, nil
	}
	return s.sales()
}

func (s *store) Read(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
	if s.read == nil {
		return definition(id), planned(10), nil
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

func (*store) Glances(_ context.Context, ids []sale.ID) ([]sale.Glance, []error) {
	return make([]sale.Glance, len(ids)), make([]error, len(ids))
}

func (*store) News(context.Context, int64) ([]sale.ID, int64, bool, error) { return nil, 0, false, nil }

func (*store) Heat(context.Context, []sale.ID) error { return nil }

func (s *store) Draw(_ context.Context, _ sale.ID, _ sale.Generation, quantity, _, _ int) (sale.Grant, error) {
	if s.draw == nil {
		return sale.Grant{Reading: reading(1000), Tickets: int64(quantity)}, nil
	}
	return s.draw(quantity)
}

func (s *store) Expire(_ context.Context, id sale.ID, known sale.Generation, _ int) (int, bool, sale.Reading, error) {
	_, r, err := s.Read(context.Background(), id, known)
	return 0, false, r, err
}

func (*store) Missing(context.Context, sale.ID, []sale.OrderID) ([]sale.OrderID, error) {
	return nil, nil
}

func (*store) Shut(context.Context, sale.ID, string) error { return nil }

func (*store) Unfit() error { return nil }

func (*store) Refuses(sale.ID) error { return nil }

// remote decides claims as its function says; nil holds every one.
type remote func(sale.Claim) (sale.Decision, error)

func (r remote) Decide(c sale.Claim) (sale.Decision, error) {
	if r == nil {
		return sale.Decision{Outcome: sale.Held, Order: orderOf(c)}, nil
	}
	return r(c)
}

func (r remote) Wait() {}

// pays is how a store takes a payment.
type pays func(sale.ID, sale.Generation, sale.Payment) (sale.Receipt, sale.Reading, error)

// orders are records of functions; those left nil know none.
type orders struct {
	order  func(sale.OrderID) (sale.Order, error)
	mine   func(sale.Buyer) (sale.Order, error)
	cancel func(sale.OrderID, sale.Buyer) (sale.Order, sale.Reading, error)
	pay    pays
	orphan func(sale.ID, sale.Payment) (sale.Receipt, error)
	calls  atomic.Int64
}

func (o *orders) Order(_ context.Context, _ sale.ID, id sale.OrderID) (sale.Order, error) {
	o.calls.Add(1)
	if o.order == nil {
		return sale.Order{}, sale.ErrNoOrder
	}
	return o.order(id)
}

func (o *orders) OrderOf(_ context.Context, _ sale.ID, buyer sale.Buyer) (sale.Order, error) {
	o.calls.Add(1)
	if o.mine == nil {
		return sale.Order{}, sale.ErrNoOrder
	}
	return o.mine(buyer)
}

func (o *orders) Cancel(_ context.Context, _ sale.ID, _ sale.Generation, id sale.OrderID, buyer sale.Buyer) (sale.Order, sale.Reading, error) {
	o.calls.Add(1)
	if o.cancel == nil {
		return sale.Order{}, sale.Reading{}, sale.ErrNoOrder
	}
	return o.cancel(id, buyer)
}

func (o *orders) Pay(_ context.Context, id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
	o.calls.Add(1)
	if o.pay == nil {
		return sale.Receipt{}, sale.Reading{}, sale.ErrNoOrder
	}
	return o.pay(id, known, p)
}

func (o *orders) Orphan(_ context.Context, id sale.ID, p sale.Payment) (sale.Receipt, error) {
	o.calls.Add(1)
	if o.orphan == nil {
		return sale.Receipt{}, sale.ErrUnavailable
	}
	return o.orphan(id, p)
}

// site is a node's buyer API over a running shop. Its zero value is on sale.
type site struct {
	store   store
	remote  remote
	orders  orders
	hooks   buyerapi.Hooks
	secrets payment.Secrets // by default none
	away    bool            // Redis has never answered
	log     *zap.Logger     // by default nobody's
	poll    time.Duration   // by default short

	shop    *checkout.Shop
	handler *buyerapi.Handler
}

// open runs the site's shop until the test ends. Unless Redis is away, it has
// polled once.
func (s *site) open(t testing.TB) *site {
	t.Helper()
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.away {
		s.store.sales = func() ([]sale.ID, error) { return nil, sale.ErrUnavailable }
	}
	ready := make(chan bool, 16) // more changes than a test makes
	remotes := func(sale.ID, *checkout.Desk) checkout.Remote { return s.remote }
	config := checkout.DefaultConfig()
	config.Poll = 50 * time.Millisecond // so that a busy machine does not outlast a sold-out lease
	if s.poll != 0 {
		config.Poll = s.poll
	}
	s.shop = checkout.NewShop(&s.store, remotes, func() (own, all int) { return 1, 1 }, config,
		checkout.Hooks{Ready: func(r bool) { ready <- r }}, zap.NewNop())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.shop.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
	})
	if !s.away {
		<-ready
	}
	s.handler = buyerapi.New(s.shop, &s.orders, tokens{}, s.secrets, s.hooks, s.log)
	return s
}

// soldOut is a site with nothing left.
func soldOut() *site {
	return &site{store: store{read: func(id sale.ID) (sale.Sale, sale.Reading, error) {
		return definition(id), reading(0), nil
	}}}
}

func definition(id sale.ID) sale.Sale {
	return sale.Sale{
		ID: id, Title: "Concert", Kind: sale.Ticket, Price: 4950, Currency: "EUR", Total: 1000,
		Limit: 4, HoldFor: time.Minute, Opens: noon.Add(-time.Hour), Closes: noon.Add(time.Hour),
	}
}

func reading(remaining int64) sale.Reading {
	return sale.Reading{Sent: time.Now(), At: noon, Remaining: remaining, Stock: 1}
}

// planned is a reading that brings plan 1.
func planned(slice int64) sale.Reading {
	r := reading(1000)
	r.Plan = 1
	r.Allotment = sale.Allotment{Generation: 1, Slice: slice}
	return r
}

func orderOf(c sale.Claim) sale.Order {
	return sale.Order{
		ID: c.Order, Buyer: c.Buyer, Quantity: c.Quantity, State: sale.StateHeld,
		Created: noon, Expires: noon.Add(time.Minute),
	}
}
