package rebalance

import (
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/sale"
)

// counters are those of the last surveys, by sale.
func (a *allocator) counters() map[sale.ID]sale.Counters {
	all := map[sale.ID]sale.Counters{}
	for _, v := range a.loop.Surveys() {
		all[v.Sale.ID] = v.Counters
	}
	return all
}

func TestSurveysFollowTheStock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s, _ := one(t)
		defer a.stop()
		s.with(func() { s.books["demo"].sell("a", 30) })
		pass(DefaultConfig().Tick)
		want := sale.Counters{Total: 100, Remaining: 70, Held: 30}
		if got := a.counters()["demo"]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// A former leader's numbers would stand beside those of the one that leads.
func TestSurveysAreOfTheLeaderAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := one(t)
		defer a.stop()
		a.lease.record.seize(3 * time.Second)
		pass(DefaultConfig().LeaseRenew)
		if got := a.counters(); len(got) != 0 {
			t.Errorf("got %v without the lease, want none", got)
		}
		pass(4 * time.Second)
		if got := len(a.counters()); got != 1 {
			t.Errorf("got %d sales with the lease again, want 1", got)
		}
	})
}

func TestSurveysOfArchivedSalesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s, _ := one(t)
		defer a.stop()
		s.with(func() { delete(s.books, "demo") })
		pass(30 * time.Second)
		if got := a.counters(); len(got) != 0 {
			t.Errorf("got %v, want none of a sale that is archived", got)
		}
	})
}

func TestAPlannerForgetsOnlyItsOwnSurvey(t *testing.T) {
	var s surveys
	old, next := &planner{id: "demo"}, &planner{id: "demo"}
	s.note(old, sale.Survey{})
	s.note(next, sale.Survey{Lost: "next"})
	s.forget(old)
	if got := s.last["demo"].survey.Lost; got != "next" {
		t.Errorf("got the survey %q, want that of the planner that runs", got)
	}
}
