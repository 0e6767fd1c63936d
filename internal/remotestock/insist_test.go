package remotestock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// changes are the calls that change an order or a sale, each on a sale of its own, and what
// the sale is like once such a call has had its effect once.
var changes = map[string]struct {
	call func(ctx context.Context, s *remotestock.Store, id sale.ID, held, paid sale.Claim) error
	want sale.Counters
}{
	"cancel": {func(ctx context.Context, s *remotestock.Store, id sale.ID, held, _ sale.Claim) error {
		o, _, err := s.Cancel(ctx, id, 0, held.Order, held.Buyer)
		return errors.Join(err, wantState(o, sale.StateCancelled))
	}, sale.Counters{Total: 5, Remaining: 4, Paid: 1}},
	"payment": {func(ctx context.Context, s *remotestock.Store, id sale.ID, held, _ sale.Claim) error {
		r, _, err := s.Pay(ctx, id, 0, payment("p-"+string(id), held.Order, 4200))
		if r.Replayed {
			err = errors.Join(err, errors.New("the receipt claims that it was reported before"))
		}
		return errors.Join(err, wantState(r.Order, sale.StatePaid))
	}, sale.Counters{Total: 5, Remaining: 3, Paid: 2}},
	"refund": {func(ctx context.Context, s *remotestock.Store, id sale.ID, _, paid sale.Claim) error {
		r, err := s.Refund(ctx, id, paid.Order)
		return errors.Join(err, wantState(r.Order, sale.StateRefunded))
	}, sale.Counters{Total: 5, Remaining: 4, Held: 1}},
	"restock": {func(ctx context.Context, s *remotestock.Store, id sale.ID, _, _ sale.Claim) error {
		_, err := s.Restock(ctx, id, 7, "key")
		return err
	}, sale.Counters{Total: 12, Remaining: 10, Held: 1, Paid: 1}},
	"closing": {func(ctx context.Context, s *remotestock.Store, id sale.ID, _, _ sale.Claim) error {
		return s.SetClosed(ctx, id, true)
	}, sale.Counters{Total: 5, Remaining: 3, Held: 1, Paid: 1}},
	"orphan": {func(ctx context.Context, s *remotestock.Store, id sale.ID, _, _ sale.Claim) error {
		r, err := s.Orphan(ctx, "nobody-"+id, payment("o-"+string(id), "no-order", 4200))
		if r.Replayed {
			err = errors.Join(err, errors.New("the receipt claims that it was reported before"))
		}
		return err
	}, sale.Counters{Total: 5, Remaining: 3, Held: 1, Paid: 1}},
}

func wantState(o sale.Order, want sale.State) error {
	if o.State != want {
		return errors.New("the order is " + string(o.State) + ", want " + string(want))
	}
	return nil
}

// Only claims were sent again: a cancel, payment or refund that met a Redis that was away for
// a second ended unknown, though a second try would have been decided.
func TestAChangeIsSentAgainUntilItIsDecided(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	redis := processtest.Redis(t)
	s, _ := newStore(t, redis.Addr(), "n1", func(c *remotestock.Config) { c.TripAfter = 100 })
	claims := map[string][]sale.Claim{}
	for name := range changes {
		d := newSale(name, 5)
		open(t, s, d)
		claims[name] = held(t, s, d.ID, 2)
		if _, _, err := s.Pay(ctx, d.ID, 0, payment("paid-"+name, claims[name][1].Order, 4200)); err != nil {
			t.Fatal(err)
		}
	}
	if err := redis.Pause(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, len(changes))
	for name, c := range changes {
		go func() {
			err := c.call(ctx, s, sale.ID(name), claims[name][0], claims[name][1])
			if err != nil {
				err = errors.Join(errors.New(name), err)
			}
			ended <- err
		}()
	}
	time.Sleep(time.Second)
	if err := redis.Resume(); err != nil {
		t.Fatal(err)
	}
	for range changes {
		if err := <-ended; err != nil {
			t.Errorf("got %v, want it decided within the patience", err)
		}
	}
	for name, c := range changes {
		if got := wantClean(t, s, sale.ID(name)); got.Counters != c.want {
			t.Errorf("%s: got the books %+v, want %+v", name, got.Counters, c.want)
		}
	}
}

func TestAnOpeningWhoseAnswerIsLostIsStillThisOne(t *testing.T) {
	t.Parallel()
	redis := processtest.Redis(t)
	p := startProxy(t, redis.Addr())
	s, _ := newStore(t, p.addr(), "n1")
	open(t, s, newSale("warm", 1)) // the script is cached from here on
	p.cuts.Store(1)
	if created, err := s.Open(context.Background(), newSale("new", 5)); err != nil || !created {
		t.Errorf("got created %v, %v, want true: the first try has created it", created, err)
	}
	p.cuts.Store(1)
	if created, err := s.Open(context.Background(), newSale("new", 5)); err != nil || created {
		t.Errorf("got created %v, %v, want false: it was there before", created, err)
	}
}

// What an earlier try may have done stays unknown, also where a later one proves that it did
// not run itself; what was never sent is refused at once.
func TestAChangeThatStaysUnknownIsReportedAsUnknown(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	redis := processtest.Redis(t)
	p := startProxy(t, redis.Addr())
	s, _ := newStore(t, p.addr(), "n1", func(c *remotestock.Config) { c.TripAfter, c.Patience = 2, 200*time.Millisecond })
	open(t, s, newSale("unknown", 5))
	c := held(t, s, "unknown", 2)
	if _, _, err := s.Cancel(ctx, "unknown", 0, c[1].Order, c[1].Buyer); err != nil { // caches the script
		t.Fatal(err)
	}
	p.cuts.Store(1000)
	_, _, err := s.Cancel(ctx, "unknown", 0, c[0].Order, c[0].Buyer)
	if !errors.Is(err, sale.ErrUnknown) || errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v, want unknown and nothing else", err)
	}
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	fresh, _ := newStore(t, redis.Addr(), "n1")
	from := time.Now()
	_, _, err = fresh.Cancel(ctx, "unknown", 0, c[0].Order, c[0].Buyer)
	if took := time.Since(from); !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) || took > time.Second {
		t.Errorf("got %v after %v, want unavailable at once: it was never sent", err, took)
	}
}
