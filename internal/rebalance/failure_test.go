package rebalance

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
)

func TestStuckSaleDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := membershiptest.New(selling("a", "b", "c")...)
		s := newStore(map[sale.ID]int64{"stuck": 100, "fine": 100})
		var stuck atomic.Bool
		stuck.Store(true)
		s.before = func(ctx context.Context, _ Op, id sale.ID) error {
			if id == "stuck" && stuck.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		a := newAllocator(m, s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(5*time.Second + 10*time.Millisecond)

		from := time.Now()
		m.Fail("b")
		pass(50 * time.Millisecond)
		if got := a.planned("fine", from); !slices.Equal(got, []Reason{Membership}) {
			t.Errorf("the other sale: got plans %v within 50 ms, want one for membership", got)
		}
		if got := a.failures(OpSurvey); got < 5 {
			t.Errorf("got %d failures reported in 5 s, want every one", got)
		}
		if got := a.logged("store call fails"); got != 1 {
			t.Errorf("got %d log lines about it, want 1", got)
		}

		stuck.Store(false)
		pass(time.Second)
		if got := a.planned("stuck", from); !slices.Equal(got, []Reason{First}) {
			t.Errorf("the sale once it answers: got plans %v, want the first", got)
		}
		if got := a.logged("store call works again"); got != 1 {
			t.Errorf("got %d log lines about its recovery, want 1", got)
		}
	})
}

func TestStuckListingDelaysNoPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := membershiptest.New(selling("a", "b", "c")...)
		s := newStore(map[sale.ID]int64{"demo": 100})
		var stuck atomic.Bool
		s.before = func(ctx context.Context, op Op, _ sale.ID) error {
			if op == OpSales && stuck.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		a := newAllocator(m, s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(time.Second)
		stuck.Store(true)
		pass(2*time.Second + 10*time.Millisecond)

		from := time.Now()
		m.Fail("b")
		pass(50 * time.Millisecond)
		if got := a.planned("demo", from); !slices.Equal(got, []Reason{Membership}) {
			t.Errorf("got plans %v within 50 ms, want one for membership", got)
		}
	})
}

func TestLostAnswerOfAPlanIsNotPlannedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(map[sale.ID]int64{"demo": 100})
		a := newAllocator(membershiptest.New(selling("a", "b")...), answerless{s}, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(5 * time.Second)
		if got := s.count(OpPlan, "demo"); got != 1 {
			t.Errorf("got %d plans written, want 1", got)
		}
		if got := a.failures(OpPlan); got != 1 {
			t.Errorf("got %d failures reported, want 1", got)
		}
	})
}

// answerless writes plans and then loses the answer.
type answerless struct{ *store }

func (s answerless) WritePlan(ctx context.Context, id sale.ID, token, stock sale.Generation, shares []sale.Share) (sale.Generation, error) {
	if _, err := s.store.WritePlan(ctx, id, token, stock, shares); err != nil {
		return 0, err
	}
	return 0, errDown
}

func TestListedSaleWithoutBooksIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		s := newStore(map[sale.ID]int64{"lost": 100, "fine": 100})
		s.before = func(_ context.Context, _ Op, id sale.ID) error {
			if id == "lost" {
				return sale.ErrNoSale
			}
			return nil
		}
		a := newAllocator(membershiptest.New(selling("a")...), s, newRecord(), cfg).start(t)
		defer a.stop()
		pass(archiving*cfg.Tick - time.Millisecond)
		if got := a.failures(OpSurvey); got != 0 {
			t.Errorf("got %d failures reported at first, want none: it may be archived", got)
		}
		pass(2 * time.Second)
		if got := a.failures(OpSurvey); got == 0 {
			t.Error("got no failure reported of a sale that stays listed, want some")
		}
		if got := a.logged("store call fails"); got != 1 {
			t.Errorf("got %d log lines about it, want 1", got)
		}
	})
}

func TestEndlessReturnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		s := newStore(map[sale.ID]int64{"demo": 2_000})
		s.with(func() { s.books["demo"].sell("a", 1_000) })
		s.before = func(_ context.Context, op Op, _ sale.ID) error {
			if op == OpPlan {
				s.with(func() { s.books["demo"].giveBack(1) })
			}
			return nil
		}
		a := newAllocator(membershiptest.New(selling("a")...), s, newRecord(), cfg).start(t)
		defer a.stop()
		pass(10*cfg.Tick - time.Millisecond)
		if got, want := s.count(OpPlan, "demo"), 10*planTries; got != want {
			t.Errorf("got %d plans tried in 10 ticks, want %d", got, want)
		}
		if got := s.count(OpExpire, "demo"); got != 10 {
			t.Errorf("got %d expiry calls in 10 ticks, want 10: returns must not starve them", got)
		}
	})
}

func TestStoreAwayAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := membershiptest.New(selling("a", "b")...)
		s := newStore(map[sale.ID]int64{"demo": 100})
		var down atomic.Bool
		s.before = func(context.Context, Op, sale.ID) error {
			if down.Load() {
				return errDown
			}
			return nil
		}
		a := newAllocator(m, s, newRecord(), DefaultConfig())
		a.lease.before = func(context.Context) error { return s.before(t.Context(), OpLease, "") }
		a.start(t)
		defer a.stop()
		pass(time.Second)
		down.Store(true)
		m.Fail("b")
		pass(10 * time.Second)
		if got := a.led(); !slices.Equal(got, []bool{true, false}) {
			t.Errorf("got leading %v while the store is away, want it not leading", got)
		}

		from := time.Now()
		down.Store(false)
		pass(time.Second)
		if got := a.planned("demo", from); !slices.Equal(got, []Reason{Membership}) {
			t.Errorf("got plans %v within a second of its return, want one for membership", got)
		}
	})
}
