package rebalance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
)

// thousand is a store of so many sales of a hundred tickets. The last ones by name are cold.
func thousand() *store {
	totals := map[sale.ID]int64{}
	for i := range 1000 {
		totals[sale.ID(fmt.Sprintf("sale-%d", i))] = 100
	}
	return newStore(totals)
}

// looks is how many glances there were.
func (s *store) looks() (n int) {
	s.with(func() { n = s.glanced })
	return n
}

func (a *allocator) planCount() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.plans)
}

// coldOnes are sales that were looked at once, and not in the last seconds.
func coldOnes(s *store, since time.Time) (ids []sale.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[sale.ID]bool{}
	for _, c := range s.calls {
		if c.op == OpSurvey && c.at.After(since) {
			seen[c.id] = true
		}
	}
	for id := range s.books {
		if !seen[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// thousandSales runs a leader over a thousand idle sales, all of them planned and looked at.
func thousandSales(t *testing.T, test func(s *store, m *membershiptest.Members, a *allocator, cold sale.ID)) {
	synctest.Test(t, func(t *testing.T) {
		m, s := membershiptest.New(selling("a", "b")...), thousand()
		s.news = []sale.ID{"sale-0"}
		a := newAllocator(m, s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(10*time.Second + time.Millisecond)
		since := time.Now()
		pass(2 * time.Second)
		ids := coldOnes(s, since)
		if len(ids) != 1000 {
			t.Fatalf("got %d cold sales, want all", len(ids))
		}
		test(s, m, a, ids[0])
	})
}

// Each sale was surveyed five times a second: 600 closed ones took half a core, and from some
// 1,800 on the allocator had no connections left for its operators.
func TestIdleSalesAreNotSurveyed(t *testing.T) {
	thousandSales(t, func(s *store, _ *membershiptest.Members, a *allocator, _ sale.ID) {
		if got := a.planCount(); got != 1000 {
			t.Errorf("got %d plans, want one a sale", got)
		}
		surveys, glances, lists := s.count(OpSurvey, ""), s.looks(), s.count(OpSales, "")
		pass(10 * time.Second)
		surveys, glances, lists = s.count(OpSurvey, "")-surveys, s.looks()-glances, s.count(OpSales, "")-lists
		if surveys > 0 || glances > 5050 || glances < 4800 || lists > 6 {
			t.Errorf("got %d surveys, %d glances and %d listings in ten seconds, want none, 5,000 and five", surveys, glances, lists)
		}
	})
}

func TestColdSaleIsPlannedWhen(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*store, *membershiptest.Members, sale.ID)
		within time.Duration // a round takes two seconds, and the next may have another order
		want   Reason
	}{
		{"an operator changes it", func(s *store, _ *membershiptest.Members, id sale.ID) {
			s.with(func() { s.books[id].sell("a", 10); s.books[id].giveBack(10); s.news = append(s.news, id) })
		}, 250 * time.Millisecond, Returned},
		{"buyers ask for it", func(s *store, _ *membershiptest.Members, id sale.ID) {
			s.with(func() { s.books[id].sell("a", 60); s.hot = append(s.hot, id) })
		}, 250 * time.Millisecond, Low},
		{"nobody announces that it changed", func(s *store, _ *membershiptest.Members, id sale.ID) {
			s.with(func() { s.books[id].restock(1) })
		}, 4500 * time.Millisecond, Returned},
		{"a hold is overdue", func(s *store, _ *membershiptest.Members, id sale.ID) {
			s.with(func() { s.books[id].sell("a", 1); s.books[id].overdue = 1 })
		}, 4500 * time.Millisecond, Returned},
		{"a node dies", func(_ *store, m *membershiptest.Members, _ sale.ID) { m.Fail("b") }, 4500 * time.Millisecond, Membership},
	} {
		t.Run(test.name, func(t *testing.T) {
			thousandSales(t, func(s *store, m *membershiptest.Members, a *allocator, id sale.ID) {
				from := time.Now()
				test.change(s, m, id)
				pass(test.within)
				if got := a.planned(id, from); !slices.Equal(got, []Reason{test.want}) {
					t.Errorf("got plans %v within %v, want one: %s", got, test.within, test.want)
				}
			})
		})
	}
}

func TestNewSaleAmongThousandsIsPlannedAtOnce(t *testing.T) {
	thousandSales(t, func(s *store, _ *membershiptest.Members, a *allocator, _ sale.ID) {
		from := time.Now()
		s.open("new", 100)
		s.with(func() { s.news = append(s.news, "new") })
		pass(250 * time.Millisecond)
		if got := a.planned("new", from); !slices.Equal(got, []Reason{First}) {
			t.Errorf("got plans %v, want the first", got)
		}
		s.with(func() { delete(s.books, "new") }) // and archived
		pass(10 * time.Second)
		surveys := s.count(OpSurvey, "new")
		pass(10 * time.Second)
		if got := s.count(OpSurvey, "new") - surveys; got != 0 {
			t.Errorf("got %d surveys of a sale that is archived, want none", got)
		}
	})
}

// A look that failed is made again, though nothing changes any more.
func TestFailedLookAtAColdSaleIsMadeAgain(t *testing.T) {
	thousandSales(t, func(s *store, _ *membershiptest.Members, a *allocator, id sale.ID) {
		from, until := time.Now(), time.Now().Add(5*time.Second)
		s.before = func(_ context.Context, op Op, which sale.ID) error {
			if which == id && op == OpSurvey && time.Now().Before(until) {
				return errDown
			}
			return nil
		}
		s.with(func() { s.books[id].restock(1) })
		pass(15 * time.Second)
		if got := a.planned(id, from); !slices.Equal(got, []Reason{Returned}) {
			t.Errorf("got plans %v, want one once the store works again", got)
		}
		if got := s.count(OpSurvey, id); got > 15 {
			t.Errorf("got %d surveys, want the tries to become rare", got)
		}
	})
}

func TestLeaderLooksAtFewSalesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := thousand()
		at, most := 0, 0
		s.before = func(ctx context.Context, op Op, id sale.ID) error {
			if op != OpSurvey {
				return nil
			}
			s.with(func() { at++; most = max(most, at) })
			err := slow(time.Millisecond)(ctx, op, id)
			s.with(func() { at-- })
			return err
		}
		a := newAllocator(membershiptest.New(selling("a")...), s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(5 * time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		if most > DefaultConfig().Looks || a.planCount() != 1000 {
			t.Errorf("got %d surveys at once and %d plans, want at most %d, and all planned", most, a.planCount(), DefaultConfig().Looks)
		}
	})
}

// A sale that is archived was there at the last listing: its planner failed until the next one.
func TestArchivedColdSaleIsNoFailure(t *testing.T) {
	thousandSales(t, func(s *store, _ *membershiptest.Members, a *allocator, id sale.ID) {
		surveys := s.count(OpSurvey, id)
		s.with(func() { delete(s.books, id) })
		pass(15 * time.Second)
		if got, more := a.failures(OpSurvey), s.count(OpSurvey, id)-surveys; got != 0 || more != 0 {
			t.Errorf("got %d failures and %d surveys, want none", got, more)
		}
	})
}
