package checkout_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
)

// TestRemainingNeverGoesBack: replies overtake each other.
func TestRemainingNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, &store{}, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		d := s.seller(t)
		early := reading(1, 900)
		early.Sent = early.Sent.Add(time.Millisecond)
		late := reading(1, 700)
		late.Sent = late.Sent.Add(2 * time.Millisecond)
		tie := late
		tie.Remaining = 600

		want := func(what string, want int64) {
			t.Helper()
			if got := d.Remaining(); got != want {
				t.Errorf("%s: got %d remaining, want %d", what, got, want)
			}
		}
		d.Observe(late)
		want("the later call's reply", 700)
		d.Observe(early)
		want("the earlier call's, which comes second", 700)
		d.Observe(tie)
		want("one sent in the same instant", 600)

		// All at once, the last to be sent wins, too.
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				r := late
				r.Sent, r.Remaining = late.Sent.Add(time.Duration(i+1)), int64(599-i)
				d.Observe(r)
			})
		}
		group.Wait()
		want("a hundred at once", 500)
	})
}
