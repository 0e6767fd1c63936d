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
	"onsale/internal/sale/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// remote decides as the model of the sale "s" does, or as its function if it has one.
type remote struct {
	store  *store
	decide func(sale.Claim) (sale.Decision, error)
	join   func(sale.Join) (sale.Placed, error)
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
		var d []sale.Decision
		var err error
		r.store.at("s", func(m *model.Sale) { d, err = m.Decide([]sale.Claim{c}, false) })
		if err != nil {
			return sale.Decision{}, err
		}
		return d[0], nil
	}
	return r.decide(c)
}

func (r *remote) Join(j sale.Join) (sale.Placed, error) {
	if r.join == nil {
		return sale.Placed{}, sale.ErrUnavailable
	}
	return r.join(j)
}

func (r *remote) Wait() { r.group.Wait() }

func order(c sale.Claim) sale.Order {
	return sale.Order{ID: c.Order, Buyer: c.Buyer, Quantity: c.Quantity, State: sale.StateHeld}
}

// running is a catalog that runs; its poll has run once.
type running struct {
	*checkout.Catalog
	store  *store
	remote *remote
	stop   func() error // ends Run and returns what it returned
}

// start runs a catalog inside a bubble.
func start(t testing.TB, st *store, r *remote, hooks checkout.Hooks) *running {
	t.Helper()
	return startLogged(t, st, r, hooks, zap.NewNop())
}

func startLogged(t testing.TB, st *store, r *remote, hooks checkout.Hooks, log *zap.Logger) *running {
	t.Helper()
	s := &running{store: st, remote: r}
	r.store = st
	remotes := func(sale.ID, *checkout.Seller) checkout.Remote { return r }
	s.Catalog = checkout.NewCatalog(st, nil, remotes, func() (own, all int) { return 2, 7 }, checkout.DefaultConfig(), hooks, log)
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

// ends stops the catalog and fails the test where Run does.
func (s *running) ends(t testing.TB) {
	t.Helper()
	if err := s.stop(); err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func (s *running) seller(t testing.TB) *checkout.Seller {
	t.Helper()
	d, ok := s.Seller("s")
	if !ok {
		t.Fatal("got no seller, want the sale known")
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

func wantLevel(t testing.TB, d *checkout.Seller, want int64) {
	t.Helper()
	if slice, buffer := d.Local().Level(); slice+buffer != want {
		t.Errorf("got %d tickets of local stock, want %d", slice+buffer, want)
	}
}
