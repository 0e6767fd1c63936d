package remotestock_test

import (
	"testing"
	"time"

	"onsale/internal/lease"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// near fails the test unless the moment is this machine's time plus d, give or take what a
// busy machine needs, which is far less than the hour by which clocks are set here.
func near(t *testing.T, what string, got sale.Instant, d time.Duration) {
	t.Helper()
	if off := got.Time().Sub(time.Now().Add(d)).Abs(); off > 10*time.Minute {
		t.Errorf("%s: got %v, want about %v", what, got.Time(), time.Now().Add(d))
	}
}

// The clock of the Redis host was set by an hour: all holds ended, and the sale was closed.
// The stores are those of a node that sells, and of one that only ends holds.
func TestNoHoldEndsBecauseRedisClockWasSet(t *testing.T) {
	const hour, hold = time.Hour, 20 * time.Minute
	for name, set := range map[string]time.Duration{"forward": hour, "back": -hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, r := t.Context(), processtest.RedisByClock(t)
			s, client := newStore(t, r.Addr(), "n1")
			d := newSale("s", 10)
			d.HoldFor = hold
			d.Opens = sale.Instant(time.Now().Add(-30 * time.Minute).UnixMilli())
			d.Closes = sale.Instant(time.Now().Add(30 * time.Minute).UnixMilli())
			open(t, s, d)
			c := committer(t, s, "s")
			buy := func(buyer string) sale.Order {
				t.Helper()
				got, err := c.Decide(claim(buyer, 1))
				if err != nil || got.Outcome != sale.Held {
					t.Fatalf("%s: got %v, %v, want held", buyer, got.Outcome, err)
				}
				near(t, buyer+"'s deadline", got.Order.Expires, hold)
				return got.Order
			}
			none := func(s *remotestock.Store) {
				t.Helper()
				if ended, _, _, err := s.Expire(ctx, "s", 0, 100); err != nil || ended != 0 {
					t.Fatalf("got %d holds ended, %v, want none", ended, err)
				}
			}
			ann := buy("ann")
			ender := newer(t, r.Addr())
			none(ender)

			if err := r.Clock.Set(set); err != nil {
				t.Fatal(err)
			}
			none(ender) // which does not know yet
			bob := buy("bob")
			none(s)
			none(ender)
			for _, s := range []*remotestock.Store{s, ender} {
				if off := (s.Step() - set).Abs(); off > 10*time.Minute {
					t.Errorf("got a step of %v, want %v", s.Step(), set)
				}
			}
			if _, reading, err := s.Read(ctx, "s", 0); err != nil {
				t.Error(err)
			} else {
				near(t, "the time", reading.At, 0)
			}
			if got, _, err := s.Pay(ctx, "s", 0, payment("p1", ann.ID, 4200)); err != nil || got.Payment.State != sale.PaymentApplied {
				t.Errorf("pay: got %+v, %v, want it applied", got, err)
			}
			// One whose deadline has passed by the time that was promised ends all the same.
			due := buy("due")
			makeOverdue(t, client, "s", due.ID)
			if ended, _, _, err := s.Expire(ctx, "s", 0, 100); err != nil || ended != 1 {
				t.Errorf("got %d holds ended, %v, want the one that is overdue", ended, err)
			}
			wantClean(t, newer(t, r.Addr()), "s")

			if err := r.Clock.Set(0); err != nil {
				t.Fatal(err)
			}
			none(ender)
			none(s)
			buy("eve")
			if o, err := s.Order(ctx, "s", bob.ID); err != nil || o.State != sale.StateHeld {
				t.Errorf("got %+v, %v, want bob's hold", o, err)
			}
			for _, s := range []*remotestock.Store{s, ender} {
				if s.Step() != 0 {
					t.Errorf("got a step of %v after the clock was back, want none", s.Step())
				}
			}
			wantClean(t, s, "s")

			// A program that starts believes Redis: so an operator confirms a clock that was wrong before.
			if err := r.Clock.Set(hour); err != nil {
				t.Fatal(err)
			}
			believer := newer(t, r.Addr())
			if _, _, err := believer.Read(ctx, "s", 0); err != nil {
				t.Fatal(err)
			}
			if ended, _, _, err := believer.Expire(ctx, "s", 0, 100); err != nil || ended != 2 || believer.Step() != 0 {
				t.Errorf("got %d holds ended, %v, and a step of %v, want bob's and eve's and none", ended, err, believer.Step())
			}
		})
	}
}

// A lease, and a place in a registry, that was taken before the clock was set back by an hour
// seemed to be held for that hour, also by the dead.
func TestWhatTheDeadHoldEndsThoughTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	ctx, r := t.Context(), processtest.RedisByClock(t)
	_, client := newStore(t, r.Addr(), "n1")
	take := func(who string) (sale.Generation, bool) {
		t.Helper()
		token, held, err := lease.New(client, "", "l", who, time.Minute).Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return token, held
	}
	register := func(who string) int {
		t.Helper()
		n, err := lease.NewRegistry(client, "", "r").Member(who, "", time.Minute).Register(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := r.Clock.Set(time.Hour); err != nil {
		t.Fatal(err)
	}
	dead, held := take("dead")
	if !held {
		t.Fatal("got the lease not held")
	}
	register("dead")
	if err := r.Clock.Set(0); err != nil {
		t.Fatal(err)
	}
	alive, held := take("alive")
	if !held || alive <= dead {
		t.Errorf("got %v with token %d, want it held with one above %d", held, alive, dead)
	}
	if n := register("alive"); n != 1 {
		t.Errorf("got %d registered, want the one that lives", n)
	}

	// The holder keeps its own, with the token that it has.
	if err := r.Clock.Set(-time.Hour); err != nil {
		t.Fatal(err)
	}
	if token, held := take("alive"); !held || token != alive {
		t.Errorf("got %v with token %d, want it held with %d", held, token, alive)
	}
	if _, held := take("other"); held {
		t.Error("got the lease of one that lives")
	}
}
