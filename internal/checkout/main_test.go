package checkout_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a Redis of functions. Those left nil answer that all is well: one
// sale "s" with plenty of stock, and a plan of ten tickets for this node.
type store struct {
	sales  func(context.Context) ([]sale.ID, error)
	read   func(context.Context, sale.ID, sale.Generation) (sale.Sale, sale.Reading, error)
	draw   func(ctx context.Context, id sale.ID, known sale.Generation, quantity, weight, all int) (sale.Grant, error)
	expire func(ctx context.Context, id sale.ID, known sale.Generation, limit int) (int, bool, sale.Reading, error)
	unfit  error // of Redis, for every sale
	news   func(after int64) (ids []sale.ID, next int64, lost bool, err error)
	glance func(sale.ID) (sale.Glance, error) // nil: nothing changes
	heated []sale.ID                          // all that were published

	missing func([]sale.OrderID) ([]sale.OrderID, error)
	shut    func(why string) error

	mu    sync.Mutex
	calls []string // every call, as "name sale", in their order
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
		return definition(id), planned(10, 0), nil
	}
	return s.read(ctx, id, known)
}

func (s *store) ReadAll(ctx context.Context, asks []sale.Ask) []sale.Answer {
	answers := make([]sale.Answer, len(asks))
	for i, a := range asks {
		answers[i].Sale, answers[i].Reading, answers[i].Err = s.Read(ctx, a.ID, a.Known)
	}
	return answers
}

func (s *store) Glances(_ context.Context, ids []sale.ID) ([]sale.Glance, []error) {
	glances, errs := make([]sale.Glance, len(ids)), make([]error, len(ids))
	for i, id := range ids {
		s.called("glance", id)
		if s.glance != nil {
			glances[i], errs[i] = s.glance(id)
		}
	}
	return glances, errs
}

func (s *store) News(_ context.Context, after int64) ([]sale.ID, int64, bool, error) {
	if s.news == nil {
		return nil, 0, false, nil
	}
	return s.news(after)
}

func (s *store) Heat(_ context.Context, ids []sale.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heated = append(s.heated, ids...)
	return nil
}

func (s *store) Draw(ctx context.Context, id sale.ID, known sale.Generation, quantity, weight, all int) (sale.Grant, error) {
	s.called("draw", id)
	if s.draw == nil {
		return sale.Grant{Reading: reading(1, 1000), Tickets: int64(quantity)}, nil
	}
	return s.draw(ctx, id, known, quantity, weight, all)
}

func (s *store) Expire(ctx context.Context, id sale.ID, known sale.Generation, limit int) (int, bool, sale.Reading, error) {
	s.called("expire", id)
	if s.expire == nil {
		return 0, false, reading(1, 1000), nil
	}
	return s.expire(ctx, id, known, limit)
}

func (s *store) Missing(_ context.Context, id sale.ID, orders []sale.OrderID) ([]sale.OrderID, error) {
	s.called("missing", id)
	if s.missing == nil {
		return nil, nil
	}
	return s.missing(orders)
}

func (s *store) Shut(_ context.Context, id sale.ID, why string) error {
	s.called("shut", id)
	if s.shut == nil {
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

// remote decides as its function says; nil holds every claim.
type remote struct {
	decide func(sale.Claim) (sale.Decision, error)
	mu     sync.Mutex
	claims []sale.Claim
	group  sync.WaitGroup
}

func (r *remote) Decide(c sale.Claim) (sale.Decision, error) {
	r.mu.Lock()
	r.claims = append(r.claims, c)
	r.group.Add(1)
	r.mu.Unlock()
	defer r.group.Done()
	if r.decide == nil {
		return sale.Decision{Outcome: sale.Held, Order: order(c)}, nil
	}
	return r.decide(c)
}

func (r *remote) Wait() { r.group.Wait() }

func order(c sale.Claim) sale.Order {
	return sale.Order{ID: c.Order, Buyer: c.Buyer, Quantity: c.Quantity, State: sale.StateHeld}
}

// shop is a running shop; its poll has run once.
type shop struct {
	*checkout.Shop
	store  *store
	remote *remote
	stop   func() error // ends Run and returns what it returned
}

// start runs a shop inside a bubble.
func start(t testing.TB, st *store, r *remote, hooks checkout.Hooks) *shop {
	t.Helper()
	return startLogged(t, st, r, hooks, zap.NewNop())
}

func startLogged(t testing.TB, st *store, r *remote, hooks checkout.Hooks, log *zap.Logger) *shop {
	t.Helper()
	s := &shop{store: st, remote: r}
	remotes := func(sale.ID, *checkout.Desk) checkout.Remote { return r }
	s.Shop = checkout.NewShop(st, remotes, func() (own, all int) { return 2, 7 }, checkout.DefaultConfig(), hooks, log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	s.stop = func() error {
		cancel()
		return <-ended
	}
	synctest.Wait()
	return s
}

// ends stops the shop and fails the test where Run does.
func (s *shop) ends(t testing.TB) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func (s *shop) desk(t testing.TB) *checkout.Desk {
	t.Helper()
	d, ok := s.Desk("s")
	if !ok {
		t.Fatal("got no desk, want the sale known")
	}
	return d
}

func definition(id sale.ID) sale.Sale {
	return sale.Sale{
		ID: id, Title: "Concert", Kind: sale.Ticket, Price: 4200, Currency: "EUR", Total: 1000,
		Limit: 4, HoldFor: time.Minute, Opens: 1_000, Closes: 1_000_000_000,
	}
}

// noon is the Redis time of readings: nowhere near the clock of the bubble.
const noon = sale.Instant(500_000)

func reading(stock sale.Generation, remaining int64) sale.Reading {
	return sale.Reading{Sent: time.Now(), At: noon, Remaining: remaining, Stock: stock}
}

// planned is a reading that brings plan 1.
func planned(slice, buffer int64) sale.Reading {
	r := reading(1, 1000)
	r.Plan = 1
	r.Allotment = sale.Allotment{Generation: 1, Slice: slice, Buffer: buffer}
	return r
}

func wantLevel(t testing.TB, d *checkout.Desk, want int64) {
	t.Helper()
	if slice, buffer := d.Local().Level(); slice+buffer != want {
		t.Errorf("got %d tickets of local stock, want %d", slice+buffer, want)
	}
}
