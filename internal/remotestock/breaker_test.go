package remotestock_test

import (
	"errors"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process/processtest"
)

// A buyer's GET of his orders bypassed the breaker: each waited for a dead Redis by itself. The breaker
// is asked because it becomes half-open without a call: a gauge set on change went on reporting that it refuses.
func TestReadsOfOrdersGoThroughTheBreaker(t *testing.T) {
	r := processtest.Redis(t)
	var calls int
	s, _ := hooked(t, r.Addr(), remotestock.Hooks{Called: func(string, int, time.Duration, error) { calls++ }},
		func(c *remotestock.Config) { c.Cooldown = 2 * time.Second })
	d := newSale("reads", 10)
	open(t, s, d)
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	reads := []func() error{
		func() error { _, err := s.OrderOf(t.Context(), d.ID, "buyer"); return err },
		func() error {
			_, err := s.Order(t.Context(), d.ID, "01900000-0000-7000-8000-000000000001")
			return err
		},
	}
	before, trip := calls, int(remotestock.DefaultConfig("").TripAfter)
	for i := range trip {
		if s.Tripped() {
			t.Fatalf("got an open breaker after %d reads, want it after %d", i, trip)
		}
		if err := reads[i%2](); !errors.Is(err, sale.ErrUnavailable) {
			t.Fatalf("got %v, want %v", err, sale.ErrUnavailable)
		}
	}
	if !s.Tripped() || calls != before+trip {
		t.Fatalf("got tripped %v after %d calls, want true after %d", s.Tripped(), calls-before, trip)
	}
	if err := r.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	// No call is made: the cooldown alone ends the refusal.
	await.Until(t, "the breaker half-open", func() bool { return !s.Tripped() })
	await.Until(t, "an answer of the Redis that is back", func() bool { return errors.Is(reads[0](), sale.ErrNoOrder) })
}
