package checkout_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/localstock"
	"onsale/internal/sale"
)

var errAway = errors.Join(sale.ErrUnavailable, errors.New("no connection"))

// outage is a Redis that can go away.
type outage struct {
	mu   sync.Mutex
	away bool
}

func (o *outage) set(away bool) {
	o.mu.Lock()
	o.away = away
	o.mu.Unlock()
}

func (o *outage) sales(context.Context) ([]sale.ID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away {
		return nil, errAway
	}
	return []sale.ID{"s"}, nil
}

func TestReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := make(chan bool, 100)
		redis := &outage{away: true}
		s := start(t, &store{sales: redis.sales}, &remote{}, checkout.Hooks{Ready: func(ready bool) { reports <- ready }})
		defer s.ends(t)
		// Half a tick after each poll, so that no two things happen at once.
		time.Sleep(250 * time.Millisecond)
		want := func(what string, ready bool, news ...bool) {
			t.Helper()
			synctest.Wait()
			if s.Ready() != ready {
				t.Fatalf("%s: got ready %v, want %v", what, s.Ready(), ready)
			}
			var got []bool
			for len(reports) > 0 {
				got = append(got, <-reports)
			}
			if !slices.Equal(got, news) {
				t.Fatalf("%s: got reports %v, want %v", what, got, news)
			}
		}
		want("before the first reading", false)
		if _, ok := s.Seller("s"); ok || s.Age() != 0 {
			t.Errorf("got a seller %v and readings of age %v before the first", ok, s.Age())
		}
		redis.set(false)
		time.Sleep(500 * time.Millisecond)
		want("after it", true, true)

		redis.set(true)
		time.Sleep(500 * time.Millisecond)
		want("one poll lost", true)
		for range 4 {
			time.Sleep(500 * time.Millisecond)
			want("several polls lost", true)
		}
		time.Sleep(500 * time.Millisecond)
		want("the last poll that succeeded is stale", false)
		time.Sleep(500 * time.Millisecond)
		want("and that is reported once", false, false)
		time.Sleep(5 * time.Second)
		want("still away", false)
		if _, ok := s.Seller("s"); !ok {
			t.Error("the sale was forgotten while Redis was away")
		}
		redis.set(false)
		time.Sleep(500 * time.Millisecond)
		want("back", true, true)
	})
}

// TestPausedNodeIsNotReady: a node that was stopped for a while must not sell
// on what it knew before, even though nothing has failed.
func TestPausedNodeIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		polls := 0
		st := &store{sales: func(ctx context.Context) ([]sale.ID, error) {
			if polls++; polls == 2 {
				<-resume
			}
			return []sale.ID{"s"}, nil
		}}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(3*time.Second + time.Nanosecond)
		if s.Ready() {
			t.Error("got ready, want not ready until it has read again")
		}
		if got, want := s.Age(), 3*time.Second+time.Nanosecond; got != want {
			t.Errorf("got readings of age %v, want %v", got, want)
		}
		close(resume)
		synctest.Wait()
		if !s.Ready() {
			t.Error("got not ready, want ready after the reading")
		}
		if got := s.Age(); got != 0 {
			t.Errorf("got readings of age %v, want new ones", got)
		}
	})
}

func TestBrokenSaleLeavesTheNodeReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &store{
			sales: func(context.Context) ([]sale.ID, error) { return []sale.ID{"bad", "s"}, nil },
			read: func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
				if id == "bad" {
					return sale.Sale{}, sale.Reading{}, errAway
				}
				return definition(id), planned(10, 0), nil
			},
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(5 * time.Second)
		if !s.Ready() {
			t.Error("got not ready, want one broken sale to leave the others on sale")
		}
		if _, ok := s.Seller("bad"); ok {
			t.Error("got a seller for a sale that was never read")
		}
		if got, err := s.seller(t).Buy(t.Context(), "ann", 1, 0); err != nil || got.Outcome != sale.Held {
			t.Errorf("got %v, %v, want held", got.Outcome, err)
		}
	})
}

// In a Redis Cluster the list of the sales may be on a master that lives, and a sale
// on one that is dead: its node stayed ready.
func TestUnreachableSaleMakesTheNodeUnready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away, closed atomic.Bool
		st := &store{
			sales: func(context.Context) ([]sale.ID, error) { return []sale.ID{"far", "s"}, nil },
			read: func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
				if id == "far" && away.Load() {
					return sale.Sale{}, sale.Reading{}, errors.Join(sale.ErrUnreachable, errAway)
				}
				d := definition(id)
				d.Closed = id == "far" && closed.Load()
				return d, planned(10, 0), nil
			},
		}
		away.Store(true)
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		want := func(after time.Duration, what string, ready bool) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := s.Ready(); got != ready {
				t.Errorf("%s: got ready %v, want %v", what, got, ready)
			}
		}
		want(10*time.Second+250*time.Millisecond, "never read", false)
		select {
		case <-s.Known():
			t.Error("the sales are known, want one to be missing")
		default:
		}
		away.Store(false)
		want(500*time.Millisecond, "read", true)
		away.Store(true)
		want(2500*time.Millisecond, "away for less than the time that makes it stale", true)
		want(500*time.Millisecond, "away for longer", false)
		away.Store(false)
		want(500*time.Millisecond, "read again", true)
		closed.Store(true)
		want(500*time.Millisecond, "closed", true)
		away.Store(true)
		want(10*time.Second, "away, but closed", true)
	})
}

func TestLocalHooksAreMadeForTheSale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []sale.ID
		s := start(t, &store{}, &remote{}, checkout.Hooks{Local: func(id sale.ID) localstock.Hooks {
			ids = append(ids, id)
			return localstock.Hooks{}
		}})
		defer s.ends(t)
		time.Sleep(2 * time.Second)
		if !slices.Equal(ids, []sale.ID{"s"}) {
			t.Errorf("got hooks made for %v, want once for s", ids)
		}
	})
}

// TestUnreadableSaleCostsNoDesk: a sale that can't be read for a while gets its
// seller, and with it hooks and a group commit, when it can.
func TestUnreadableSaleCostsNoDesk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reads, made atomic.Int64
		st := &store{read: func(_ context.Context, id sale.ID, known sale.Generation) (sale.Sale, sale.Reading, error) {
			if reads.Add(1) <= 3 {
				return sale.Sale{}, sale.Reading{}, errAway
			}
			return definition(id), planned(10, 0), nil
		}}
		s := start(t, st, &remote{}, checkout.Hooks{Local: func(sale.ID) localstock.Hooks {
			made.Add(1)
			return localstock.Hooks{}
		}})
		defer s.ends(t)
		time.Sleep(1250 * time.Millisecond)
		if synctest.Wait(); reads.Load() != 3 || made.Load() != 0 {
			t.Errorf("got %d hooks after %d reads in vain, want none after 3", made.Load(), reads.Load())
		}
		time.Sleep(5 * time.Second)
		if synctest.Wait(); reads.Load() < 10 || made.Load() != 1 {
			t.Errorf("got %d hooks after %d reads, want one", made.Load(), reads.Load())
		}
		wantLevel(t, s.seller(t), 10)
	})
}

// TestRunReturnsAfterTheRefills: the buyer gave up, but the refill is still under way.
func TestRunReturnsAfterTheRefills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		st := &store{read: dry, refill: func(context.Context, sale.ID, sale.Generation, int, int, int, int) (sale.Grant, error) {
			<-hold
			return sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 4}, nil
		}}
		s := start(t, st, &remote{}, checkout.Hooks{})
		if got, err := s.seller(t).Buy(context.Background(), "ann", 1, 0); err != nil || got.Outcome != sale.Busy {
			t.Fatalf("got %v, %v, want busy", got.Outcome, err)
		}
		s.endsAfter(t, hold)
	})
}

func TestRunReturnsAfterTheClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		r := &remote{decide: func(c sale.Claim) (sale.Decision, error) {
			<-hold
			return sale.Decision{Outcome: sale.Held, Order: order(c)}, nil
		}}
		s := start(t, &store{}, r, checkout.Hooks{})
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := s.seller(t).Buy(context.Background(), "ann", 1, 0); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		s.endsAfter(t, hold)
		group.Wait()
	})
}

// endsAfter ends the catalog while something is under way until hold is closed.
func (s *running) endsAfter(t testing.TB, hold chan struct{}) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	synctest.Wait()
	if len(ended) != 0 {
		t.Error("Run returned before its children")
	}
	close(hold)
	if err := <-ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func TestConfigReportsEveryFault(t *testing.T) {
	if err := checkout.DefaultConfig().Validate(); err != nil {
		t.Fatalf("default: %v", err)
	}
	err := checkout.Config{Poll: -1, Stale: -5, Expire: 5000}.Validate()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) < 4 {
		t.Errorf("got %v, want poll, stale, expire and the local stock's faults", err)
	}
}
