package rebalance

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
)

// slow makes every call of the store take d.
func slow(d time.Duration) func(context.Context, Op, sale.ID) error {
	return func(ctx context.Context, _ Op, _ sale.ID) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}

func TestDeadNodeLeavesThePlanWithinFiftyMilliseconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := membershiptest.New(selling("a", "b", "c")...)
		s := newStore(map[sale.ID]int64{"one": 100, "two": 100})
		s.before = slow(5 * time.Millisecond)
		a := newAllocator(m, s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(1010 * time.Millisecond) // off the tick's beat, so that only the signal can be the cause

		from := time.Now()
		m.Fail("b")
		pass(50 * time.Millisecond)
		for _, id := range []sale.ID{"one", "two"} {
			if got := a.planned(id, from); !slices.Equal(got, []Reason{Membership}) {
				t.Fatalf("%s: got plans %v within 50 ms, want one for membership", id, got)
			}
			if got := len(s.book(id).shares); got != 2 {
				t.Errorf("%s: got a plan for %d nodes, want 2", id, got)
			}
		}
	})
}

func TestBurstOfSignals(t *testing.T) {
	run := func(t *testing.T, step time.Duration) (a *allocator, from time.Time) {
		m := membershiptest.New(selling("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")...)
		a = newAllocator(m, newStore(map[sale.ID]int64{"demo": 1000}), newRecord(), DefaultConfig()).start(t)
		defer func() { a.stop() }()
		pass(1010 * time.Millisecond)
		from = time.Now()
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
			m.Fail(name)
			pass(step)
		}
		pass(100 * time.Millisecond)
		return a, from
	}
	t.Run("is one plan when it is short", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, from := run(t, time.Millisecond)
			if got := a.planned("demo", from); !slices.Equal(got, []Reason{Membership}) {
				t.Errorf("got plans %v, want one for membership", got)
			}
		})
	})
	t.Run("does not put the first plan off when it is long", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, from := run(t, 15*time.Millisecond)
			if got := a.after(t, "demo", from); got > 50*time.Millisecond {
				t.Errorf("got the first plan after %v, want at most 50ms", got)
			}
			if got := len(a.planned("demo", from)); got < 2 || got > 9 {
				t.Errorf("got %d plans for 10 signals in 150 ms, want several, but not one each", got)
			}
		})
	})
}

func TestQuietSaleIsPlannedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := membershiptest.New(selling("a", "b")...)
		s := newStore(map[sale.ID]int64{"demo": 100})
		a := newAllocator(m, s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		from := time.Now()
		pass(time.Minute)
		if got := a.planned("demo", from); !slices.Equal(got, []Reason{First}) {
			t.Errorf("got plans %v, want the first only", got)
		}
		if got := s.count(OpPlan, "demo"); got != 1 {
			t.Errorf("got %d plans written, want 1", got)
		}
		if got := s.count(OpExpire, "demo"); got != 0 {
			t.Errorf("got %d expiry calls with nothing held, want 0", got)
		}
		if got, most := s.count(OpSurvey, "demo"), int(time.Minute/DefaultConfig().Tick)+2; got > most {
			t.Errorf("got %d surveys in a minute, want at most %d", got, most)
		}
	})
}

func TestStockIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		s := newStore(map[sale.ID]int64{"demo": 100})
		a := newAllocator(membershiptest.New(selling("a", "b")...), s, newRecord(), cfg).start(t)
		defer a.stop()
		pass(time.Second)

		from := time.Now()
		s.with(func() { s.books["demo"].sell("a", 60) })
		pass(cfg.Tick)
		s.with(func() { s.books["demo"].giveBack(10) })
		pass(cfg.Tick)
		if diff := gocmp.Diff([]Reason{Low, Returned}, a.planned("demo", from)); diff != "" {
			t.Errorf("plans (-want +got):\n%s", diff)
		}
	})
}

func TestSalesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		s := newStore(map[sale.ID]int64{"old": 100})
		a := newAllocator(membershiptest.New(selling("a")...), s, newRecord(), cfg).start(t)
		defer a.stop()
		pass(time.Second)

		from := time.Now()
		s.open("new", 10)
		pass(cfg.Tick)
		if got := a.planned("new", from); !slices.Equal(got, []Reason{First}) {
			t.Errorf("got plans %v within a tick of opening, want the first", got)
		}

		s.with(func() { delete(s.books, "old") })
		pass(2 * cfg.Tick)
		before := s.count(OpSurvey, "old")
		pass(10 * cfg.Tick)
		if got := s.count(OpSurvey, "old"); got != before {
			t.Errorf("got %d surveys of an archived sale, want none", got-before)
		}
		if got := a.failures(OpSurvey); got != 0 {
			t.Errorf("got %d failures, want none: an archived sale is no failure", got)
		}
		if a.stop(); !slices.Equal(a.dropped, []sale.ID{"old"}) {
			t.Errorf("got %v reported as dropped, want the archived sale once", a.dropped)
		}
	})
}

func TestOverdueHolds(t *testing.T) {
	run := func(t *testing.T) (*allocator, *store) {
		cfg := DefaultConfig()
		cfg.ExpireBatch = 500
		s := newStore(map[sale.ID]int64{"demo": 2000})
		s.before = slow(time.Millisecond)
		a := newAllocator(membershiptest.New(selling("a")...), s, newRecord(), cfg).start(t)
		defer a.stop()
		pass(1010 * time.Millisecond)
		s.with(func() {
			s.books["demo"].sell("a", 1200)
			s.books["demo"].overdue = 1200
			s.calls = nil
		})
		pass(cfg.Tick * 3 / 2) // over one tick and short of the next
		return a, s
	}
	t.Run("expire in batches within one tick", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, _ := run(t)
			if diff := gocmp.Diff([]int{500, 500, 200}, a.expired); diff != "" {
				t.Errorf("batches (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("let planning have its turn between batches", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, s := run(t)
			order := []Op{}
			for _, c := range s.calls {
				if c.id == "demo" {
					order = append(order, c.op)
				}
			}
			want := []Op{
				OpSurvey, OpPlan, OpExpire, OpSurvey, OpPlan, // low, then returned
				OpSurvey, OpExpire, OpSurvey, OpPlan,
				OpSurvey, OpExpire, OpSurvey, OpPlan,
			}
			if diff := gocmp.Diff(want, order); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	})
}

// Once, each hold that ran out made its own plan as fast as the store answered.
func TestHoldsThatRunOutOneByOneAreGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		s := newStore(map[sale.ID]int64{"demo": 2000})
		s.with(func() { s.books["demo"].sell("a", 1000) })
		s.before = func(_ context.Context, op Op, _ sale.ID) error {
			if op == OpExpire {
				s.with(func() { s.books["demo"].overdue++ })
			}
			return nil
		}
		a := newAllocator(membershiptest.New(selling("a")...), s, newRecord(), cfg).start(t)
		defer a.stop()
		pass(10*cfg.Tick - time.Millisecond)
		if got := s.count(OpExpire, "demo"); got != 10 {
			t.Errorf("got %d expiry calls in 10 ticks, want 10", got)
		}
		if got := s.count(OpPlan, "demo"); got != 11 {
			t.Errorf("got %d plans in 10 ticks, want the first and one a tick", got)
		}
	})
}

func TestNobodySelling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := membershiptest.New(sale.Node{Name: "a", Weight: 1})
		s := newStore(map[sale.ID]int64{"one": 100, "two": 100})
		a := newAllocator(m, s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(5 * time.Second)
		if got := s.count(OpPlan, ""); got != 0 {
			t.Errorf("got %d plans written for nobody, want none", got)
		}
		if got := a.logged("no node is selling; plans wait"); got != 1 {
			t.Errorf("got %d log lines about it, want 1", got)
		}
		m.Update(func(n *sale.Node) bool { n.Ready = true; return true })
		pass(50 * time.Millisecond)
		if got := s.count(OpPlan, ""); got != 2 {
			t.Errorf("got %d plans written once a node was ready, want 2", got)
		}
		if got := a.logged("nodes are selling again"); got != 1 {
			t.Errorf("got %d log lines about it, want 1", got)
		}
	})
}

// Each hook is optional, also where a call fails.
func TestHooksThatAreNotSetAreNotCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(map[sale.ID]int64{"one": 100})
		var calls atomic.Int64
		s.before = func(context.Context, Op, sale.ID) error {
			if calls.Add(1) == 1 {
				return errDown
			}
			return nil
		}
		a := newAllocator(membershiptest.New(selling("a", "b")...), s, newRecord(), DefaultConfig())
		a.loop.hooks = Hooks{}
		a.start(t)
		defer a.stop()
		s.with(func() { s.books["one"].sell("a", 5); s.books["one"].overdue = 5 })
		pass(5 * time.Second)
		if b := s.book("one"); b.overdue != 0 || len(b.shares) != 2 {
			t.Errorf("got %+v, want overdue holds ended and a plan for both nodes", b)
		}
	})
}
