package checkout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

// many is a list of so many sales; "s" is the last, so that it is cold.
func many(n int) func(context.Context) ([]sale.ID, error) {
	ids := make([]sale.ID, n)
	for i := range ids {
		ids[i] = sale.ID(fmt.Sprintf("idle-%d", i))
	}
	ids[n-1] = "s"
	return func(context.Context) ([]sale.ID, error) { return slices.Clone(ids), nil }
}

// Each node read every sale twice a second: what an idle site cost grew with its sales.
func TestIdleSalesAreNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &store{sales: many(5000)}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		if !s.Ready() || len(s.Sellers()) != 5000 || st.total("read") != 5000 {
			t.Fatalf("got ready %v with %d sales after %d reads, want each of 5,000 read once", s.Ready(), len(s.Sellers()), st.total("read"))
		}
		time.Sleep(100*time.Second + time.Millisecond) // each had its turn, so that how it looks is known
		st.forgetCalls()
		time.Sleep(50 * time.Second)
		if reads, glances, lists := st.total("read"), st.total("glance"), st.total("sales"); reads > 0 || glances < 4900 || glances > 5300 || lists > 2 {
			t.Errorf("got %d reads, %d glances and %d listings in fifty seconds, want no reads, 5,000 glances and one listing", reads, glances, lists)
		}
	})
}

func TestNodeIsReadyOnlyWhenEverySaleWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var back atomic.Bool
		st := &store{sales: many(1000), read: func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
			if id == "s" && !back.Load() {
				return sale.Sale{}, sale.Reading{}, errors.Join(sale.ErrUnreachable, errAway)
			}
			return definition(id), planned(10, 0), nil
		}}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(5*time.Second + time.Millisecond)
		if s.Ready() {
			t.Error("got ready with a sale that was never read")
		}
		back.Store(true)
		time.Sleep(500 * time.Millisecond)
		if _, known := s.Seller("s"); !s.Ready() || !known {
			t.Errorf("got ready %v, known %v, want both at the next poll", s.Ready(), known)
		}
	})
}

// cold starts a catalog in which "s" is cold and was read a while ago, as first. What it reads from
// then on is next.
func cold(t *testing.T, first sale.Reading, next func() (sale.Sale, sale.Reading, error)) *running {
	t.Helper()
	var later atomic.Bool
	st := &store{sales: many(100), read: func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
		if id == "s" && later.Load() {
			return next()
		}
		r := first
		r.Sent = time.Now()
		return definition(id), r, nil
	}}
	st.expire = func(context.Context, sale.ID, sale.Generation, int) (int, bool, sale.Reading, error) {
		_, r, err := next()
		return 0, false, r, err
	}
	s := start(t, st, &remote{}, checkout.Hooks{})
	time.Sleep(5*time.Second + time.Millisecond)
	later.Store(true)
	st.forgetCalls()
	return s
}

func TestColdSaleIsReadBeforeAnythingIsAnsweredAboutIt(t *testing.T) {
	closed := func() (sale.Sale, sale.Reading, error) {
		d := definition("s")
		d.Closed = true
		return d, reading(2, 100), nil
	}
	for _, test := range []struct {
		name   string
		before sale.Reading
		after  func() (sale.Sale, sale.Reading, error)
		want   sale.Phase
		left   int64
	}{
		{"tickets returned", reading(1, 0), func() (sale.Sale, sale.Reading, error) { return definition("s"), reading(2, 3), nil }, sale.PhaseOnSale, 3},
		{"it sold out", reading(1, 100), func() (sale.Sale, sale.Reading, error) { return definition("s"), reading(1, 0), nil }, sale.PhaseSoldOut, 0},
		{"it closed", reading(1, 100), closed, sale.PhaseClosed, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := cold(t, test.before, test.after)
				defer s.ends(t)
				d := s.seller(t)
				var group sync.WaitGroup
				for range 50 {
					group.Go(func() {
						if got, r, err := d.Show(); err != nil || got != test.want || r.Remaining != test.left {
							t.Errorf("got %v with %d left, %v, want %v with %d", got, r.Remaining, err, test.want, test.left)
						}
					})
				}
				group.Wait()
				if got := s.store.count("read s"); got != 1 {
					t.Errorf("got %d reads for 50 requests, want one", got)
				}
				s.store.forgetCalls()
				if got, err := d.Precheck(); err != nil || got != test.want || s.store.count("read s") != 0 {
					t.Errorf("got %v, %v and %d reads a moment later, want what was just read", got, err, s.store.count("read s"))
				}
				time.Sleep(10 * time.Second)
				if got := s.store.count("read s"); got > 3 {
					t.Errorf("got %d reads while nobody asks, want it cold: looking heats nothing", got)
				}
			})
		})
	}
	t.Run("and nothing where it can't be read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := cold(t, reading(1, 0), func() (sale.Sale, sale.Reading, error) { return sale.Sale{}, sale.Reading{}, errAway })
			defer s.ends(t)
			_, err := s.seller(t).Precheck()
			_, _, err2 := s.seller(t).Show()
			if !errors.Is(err, sale.ErrUnavailable) || !errors.Is(err2, sale.ErrUnavailable) {
				t.Errorf("got %v and %v, want unavailable", err, err2)
			}
		})
	})
}

func TestColdSaleThatChangedIsReadInItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seq, read atomic.Int64
		st := &store{sales: many(1000), glance: func(id sale.ID) (g sale.Glance, err error) {
			g.Read = read.Add(1) // the ledger's business
			if id == "s" {
				g.Seq = seq.Load()
			}
			return g, nil
		}}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(10*time.Second + time.Millisecond)
		st.forgetCalls()
		time.Sleep(10 * time.Second)
		if got := st.count("read s"); got != 0 {
			t.Fatalf("got %d reads of a sale that did not change, want none", got)
		}
		seq.Store(1)
		time.Sleep(10500 * time.Millisecond) // a round of 1,000 sales takes ten seconds
		if got := st.count("read s"); got != 1 {
			t.Errorf("got %d reads after a change, want one", got)
		}
	})
}

// A sale that is archived was there at the last listing, and is no loss.
func TestArchivedColdSaleIsNotTakenForALostOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var archived, lost atomic.Bool
		all := many(1000)
		core, logs := observer.New(zap.ErrorLevel)
		st := &store{}
		st.sales = func(ctx context.Context) ([]sale.ID, error) {
			ids, err := all(ctx)
			if archived.Load() {
				ids = ids[:len(ids)-1]
			}
			return ids, err
		}
		gone := func(id sale.ID) bool { return id == "s" && archived.Load() || id == "idle-7" && lost.Load() }
		st.glance = func(id sale.ID) (sale.Glance, error) {
			if gone(id) {
				return sale.Glance{}, sale.NoSale(string(id))
			}
			return sale.Glance{}, nil
		}
		st.read = func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
			if gone(id) {
				return sale.Sale{}, sale.Reading{}, sale.NoSale(string(id))
			}
			d := definition(id)
			d.Closed = id == "s"
			return d, planned(10, 0), nil
		}
		forgotten := make(chan sale.ID, 10)
		s := startLogged(t, st, &remote{}, checkout.Hooks{Archived: func(id sale.ID) { forgotten <- id }}, zap.New(core))
		defer s.ends(t)
		time.Sleep(20*time.Second + time.Millisecond)
		archived.Store(true)
		time.Sleep(11 * time.Second)
		if _, known := s.Seller("s"); known || logs.Len() > 0 {
			t.Errorf("archived: got it known %v, and %v logged, want it forgotten", known, logs.All())
		}
		lost.Store(true)
		time.Sleep(11 * time.Second)
		if _, known := s.Seller("idle-7"); !known || logs.Len() != 1 {
			t.Errorf("lost: got it known %v, and %v logged, want it kept, and one error", known, logs.All())
		}
		if n := len(forgotten); n != 1 || <-forgotten != "s" {
			t.Errorf("got %d sales reported as archived, want the one that is", n)
		}
	})
}

func TestAColdSaleKeepsItsTurnWhenAPollFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var away atomic.Bool
		list := many(1000)
		st := &store{sales: list}
		st.news = func(after int64) ([]sale.ID, int64, bool, error) {
			if away.Load() {
				return nil, 0, false, sale.ErrUnavailable
			}
			return nil, max(after, 1), false, nil
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		for _, is := range []bool{false, true, false} { // within a round, which lasts ten seconds
			away.Store(is)
			time.Sleep(14 * time.Second)
		}
		st.mu.Lock()
		rounds := strings.Split(strings.Join(st.calls, "\n"), "sales ")
		st.mu.Unlock()
		if len(rounds) < 4 {
			t.Fatalf("got %d rounds, want two whole ones", len(rounds))
		}
		for i, round := range rounds[1 : len(rounds)-1] { // the first and the last are not whole
			if got := strings.Count(round, "glance "); got != 1000 {
				t.Errorf("round %d: got %d sales looked at, want all %d", i, got, 1000)
			}
		}
	})
}
