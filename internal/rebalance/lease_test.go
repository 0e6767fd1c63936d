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

// one starts a loop alone with one planned sale.
func one(t *testing.T) (*allocator, *store, *membershiptest.Members) {
	m := membershiptest.New(selling("a", "b", "c")...)
	s := newStore(map[sale.ID]int64{"demo": 100})
	a := newAllocator(m, s, newRecord(), DefaultConfig()).start(t)
	pass(1010 * time.Millisecond)
	return a, s, m
}

func TestLostLeaseStopsPlanningUntilRegained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s, m := one(t)
		defer a.stop()
		a.lease.record.seize(3 * time.Second)
		pass(DefaultConfig().LeaseRenew)
		if got := a.led(); !slices.Equal(got, []bool{true, false}) {
			t.Fatalf("got leading %v, want the first one over", got)
		}
		before, surveys := s.count(OpPlan, ""), s.count(OpSurvey, "")
		m.Fail("b")
		pass(2 * time.Second)
		if got := s.count(OpPlan, ""); got != before {
			t.Errorf("got %d plans written without the lease, want none", got-before)
		}
		if got := s.count(OpSurvey, ""); got != surveys {
			t.Errorf("got %d surveys without the lease, want none", got-surveys)
		}

		from := time.Now()
		pass(2 * time.Second)
		if got := a.led(); !slices.Equal(got, []bool{true, false, true}) {
			t.Fatalf("got leading %v, want a second one", got)
		}
		if got := a.planned("demo", from); !slices.Equal(got, []Reason{Membership}) {
			t.Errorf("got plans %v, want what the lost time held back", got)
		}
		if got := s.book("demo").fence; got != 3 {
			t.Errorf("got the plan written under token %d, want 3: ours, the stranger's, ours again", got)
		}
	})
}

func TestNewTokenEndsTheLeadership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := one(t)
		defer a.stop()
		// The lease was a stranger's between two renewals, and is free again.
		a.lease.record.seize(0)
		pass(2 * time.Second)
		if got := a.led(); !slices.Equal(got, []bool{true, false, true}) {
			t.Errorf("got leading %v, want a second one", got)
		}
	})
}

func TestRenewalsThatFail(t *testing.T) {
	cfg := DefaultConfig()
	outage := func(t *testing.T, length time.Duration) *allocator {
		a, _, _ := one(t)
		var down atomic.Bool
		a.lease.record.mu.Lock()
		a.lease.before = func(context.Context) error {
			if down.Load() {
				return errDown
			}
			return nil
		}
		a.lease.record.mu.Unlock()
		down.Store(true)
		pass(length)
		down.Store(false)
		return a
	}
	t.Run("once change nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := outage(t, cfg.LeaseRenew)
			defer a.stop()
			pass(5 * time.Second)
			if got := a.led(); !slices.Equal(got, []bool{true}) {
				t.Errorf("got leading %v, want one", got)
			}
			if got := a.logged("store call fails"); got != 1 {
				t.Errorf("got %d log lines about it, want 1", got)
			}
		})
	})
	t.Run("end it when the lease lapses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a := outage(t, cfg.LeaseTime)
			defer a.stop()
			if got := a.led(); !slices.Equal(got, []bool{true, false}) {
				t.Errorf("got leading %v, want the first one over", got)
			}
		})
	})
}

func TestFencedLeaderStepsDownAndMayLeadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, s, m := one(t)
		defer a.stop()
		s.with(func() { s.books["demo"].fence = 2 })
		m.Fail("b")
		pass(50 * time.Millisecond)
		if got := a.led(); !slices.Equal(got, []bool{true, false}) {
			t.Fatalf("got leading %v right after the fence, want the first one over", got)
		}
		written := s.count(OpPlan, "")
		if written != 2 {
			t.Errorf("got %d plans tried, want the first and the fenced one", written)
		}
		from := time.Now()
		pass(2 * time.Second)
		if got := a.led(); !slices.Equal(got, []bool{true, false, true}) {
			t.Errorf("got leading %v, want a second one under a new token", got)
		}
		if got := a.planned("demo", from); !slices.Equal(got, []Reason{Membership}) {
			t.Errorf("got plans %v, want the one that was fenced off", got)
		}
	})
}

func TestTwoAllocators(t *testing.T) {
	cfg := DefaultConfig()
	pair := func(t *testing.T) (first, second *allocator, s *store, m *membershiptest.Members) {
		r := newRecord()
		m = membershiptest.New(selling("a", "b", "c")...)
		s = newStore(map[sale.ID]int64{"demo": 100})
		first = newAllocator(m, s, r, cfg).start(t)
		pass(time.Millisecond)
		second = newAllocator(membershiptest.New(selling("a", "b", "c")...), s, r, cfg).start(t)
		pass(10 * time.Second)
		if len(first.led()) != 1 || len(second.led()) != 0 {
			t.Fatalf("got leading %v and %v, want the first to lead alone", first.led(), second.led())
		}
		return first, second, s, m
	}
	t.Run("the second takes over at once from one that stops", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			first, second, s, _ := pair(t)
			defer second.stop()
			first.stop()
			pass(cfg.LeaseRenew)
			if got := second.led(); !slices.Equal(got, []bool{true}) {
				t.Errorf("got leading %v, want the second leading", got)
			}
			pass(10 * time.Second)
			if got := s.count(OpPlan, "demo"); got != 1 {
				t.Errorf("got %d plans written, want 1: a good plan outlives its leader", got)
			}
		})
	})
	t.Run("the second takes over from one that vanishes once its lease lapses", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			first, second, _, _ := pair(t)
			defer second.stop()
			first.lease.record.mu.Lock()
			first.lease.before = func(context.Context) error { return errDown }
			first.lease.record.mu.Unlock()
			first.stop()
			pass(cfg.LeaseTime + cfg.LeaseRenew)
			if got := second.led(); !slices.Equal(got, []bool{true}) {
				t.Errorf("got leading %v, want the second leading", got)
			}
		})
	})
	t.Run("one that was paused past its lease is fenced off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			first, second, s, m := pair(t)
			defer first.stop()
			defer second.stop()
			// The first is cut off from the lease but believes, until its next
			// renewal, that it leads; the second got the lease and has planned.
			second.loop.members.(*membershiptest.Members).Fail("b")
			first.lease.record.mu.Lock()
			first.lease.record.holder, first.lease.record.token = second.lease, 2
			first.lease.record.mu.Unlock()
			s.with(func() { s.books["demo"].fence = 2 })
			m.Fail("c")
			pass(40 * time.Millisecond)
			if got := s.book("demo").plan; got != 1 {
				t.Errorf("got plan %d, want the stale leader's refused", got)
			}
			pass(5 * time.Second)
			if got := second.led(); !slices.Equal(got, []bool{true}) {
				t.Errorf("got the second's leading %v, want it leading", got)
			}
			if got := first.led(); !slices.Equal(got, []bool{true, false}) {
				t.Errorf("got the first's leading %v, want it to have stepped down", got)
			}
		})
	})
}

func TestRunEnds(t *testing.T) {
	t.Run("giving its lease up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, _, _ := one(t)
			a.stop()
			if got := a.lease.record.until; got.After(time.Now()) {
				t.Errorf("got the lease held until %v, want it released", got)
			}
			if got := a.led(); !slices.Equal(got, []bool{true, false}) {
				t.Errorf("got leading %v, want the last report to be false", got)
			}
			if got := a.failed; len(got) != 0 {
				t.Errorf("got failures %v, want none: stopping is no failure", got)
			}
		})
	})
	t.Run("without a call when it never began", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			s := newStore(nil)
			a := newAllocator(membershiptest.New(), s, newRecord(), DefaultConfig())
			if err := a.loop.Run(ctx); err != nil {
				t.Errorf("got error %v, want nil", err)
			}
			if a.lease.acquired+len(s.calls) != 0 {
				t.Errorf("got %d lease calls and %v, want none", a.lease.acquired, s.calls)
			}
		})
	})
	t.Run("after the call that is under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newStore(map[sale.ID]int64{"demo": 100})
			inside := make(chan struct{}, 1)
			s.before = func(ctx context.Context, op Op, _ sale.ID) error {
				if op == OpSurvey {
					inside <- struct{}{}
					<-ctx.Done()
					time.Sleep(10 * time.Millisecond) // it notices late
					<-inside
					return ctx.Err()
				}
				return nil
			}
			a := newAllocator(membershiptest.New(selling("a")...), s, newRecord(), DefaultConfig()).start(t)
			pass(100 * time.Millisecond)
			from := time.Now()
			a.stop()
			if got := time.Since(from); got != 10*time.Millisecond {
				t.Errorf("got %v until Run returned, want the 10ms that the call takes to notice", got)
			}
			if len(inside) != 0 {
				t.Error("got Run returned with a call under way, want its children awaited")
			}
			if got := a.failed; len(got) != 0 {
				t.Errorf("got failures %v, want none: stopping is no failure", got)
			}
		})
	})
}
