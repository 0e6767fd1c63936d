package buyerapi_test

import (
	"cmp"
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"onsale/internal/apidoc"
	"onsale/internal/buyerapi"
	"onsale/internal/checkout"
	"onsale/internal/payment"
	"onsale/internal/ratelimit"
	"onsale/internal/sale"
)

// described has every answer of these tests compared with the API's description.
var described = apidoc.Must("buyers", "payments")

func TestMain(m *testing.M) {
	// fasthttp starts its clock for the Date header once and never stops it; the
	// cleaner of a server that was shut down notices after ten seconds.
	goleak.VerifyTestMain(described.Tests(m),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// sales is the catalog as the API wants it.
type sales struct{ *checkout.Catalog }

func (s sales) Seller(id sale.ID) (buyerapi.Seller, bool) { return s.Catalog.Seller(id) }

// site is a node's buyer API over a running catalog. Its zero value is on sale.
type site struct {
	redis   redis
	store   store
	remote  remote // by default its Redis's
	orders  orders
	joins   func(sale.Join) (sale.Placed, error) // by default nobody joins
	hooks   buyerapi.Hooks
	secrets payment.Secrets  // by default none
	places  buyerapi.Places  // by default none
	limits  ratelimit.Limits // by default none
	away    bool             // Redis has never answered
	log     *zap.Logger      // by default nobody's
	poll    time.Duration    // by default short

	calls   checkout.Orders // by default orders
	catalog *checkout.Catalog
	handler *buyerapi.Handler
}

// open runs the site's catalog until the test ends. Unless Redis is away, it has
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
	s.store.redis, s.orders.redis = &s.redis, &s.redis
	remotes := func(id sale.ID, _ *checkout.Seller) checkout.Remote {
		decides := s.remote
		if decides == nil {
			decides = s.redis.decides(id)
		}
		if s.joins != nil {
			return joined{decides, s.joins}
		}
		return decides
	}
	config := checkout.DefaultConfig()
	config.Poll = 50 * time.Millisecond // so that a busy machine does not outlast a sold-out lease
	if s.poll != 0 {
		config.Poll = s.poll
	}
	s.catalog = checkout.NewCatalog(&s.store, cmp.Or[checkout.Orders](s.calls, &s.orders), remotes, func() (own, all int) { return 1, 1 }, config,
		checkout.Hooks{Ready: func(r bool) { ready <- r }}, zap.NewNop())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.catalog.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
	})
	if !s.away {
		<-ready
	}
	s.handler = buyerapi.New(sales{s.catalog}, tokens{}, s.places, s.secrets, s.limiter(t), s.hooks, s.log)
	return s
}

func (s *site) limiter(t testing.TB) *ratelimit.Limiter {
	t.Helper()
	limiter, err := ratelimit.New(s.limits)
	if err != nil {
		t.Fatal(err)
	}
	return limiter
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
