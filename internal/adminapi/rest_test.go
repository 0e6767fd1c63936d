package adminapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// An operator who paged through 300,000 refunds as fast as they came doubled what buyers waited.
func TestPagesRestForBuyersInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const took = 5 * time.Millisecond
		r, begun, pages := newRest(), time.Now(), 0
		clients := make(chan struct{})
		for range 2 { // two clients share the rest
			go func() {
				for range 5 {
					err := r.read(t.Context(), func() error { time.Sleep(took); pages++; return nil })
					if err != nil {
						t.Error(err)
					}
				}
				clients <- struct{}{}
			}()
		}
		<-clients
		<-clients
		// The first page waits for nothing, and after the last one nobody waits.
		if got, want := time.Since(begun), 10*took+9*listRest*took; got != want || pages != 10 {
			t.Errorf("got %d pages in %v, want 10 in %v", pages, got, want)
		}
		time.Sleep(time.Second)
		begun = time.Now()
		for range 2 { // after a failure there is no rest
			if err := r.read(t.Context(), func() error { time.Sleep(took); return errors.New("away") }); err == nil {
				t.Error("got no error, want the page's")
			}
		}
		if got := time.Since(begun); got != 2*took {
			t.Errorf("got two failures in %v, want them at once after a pause", got)
		}
	})
}

func TestAClientThatLeavesGivesItsTurnBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRest()
		if err := r.read(t.Context(), func() error { time.Sleep(time.Second); return nil }); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.read(ctx, func() error { t.Error("read out of turn"); return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want that the time is over", err)
		}
		begun := time.Now()
		if err := r.read(t.Context(), func() error { return nil }); err != nil || time.Since(begun) != (listRest-1)*time.Second {
			t.Errorf("got %v after %v, want the turn after the rest of the rest", err, time.Since(begun))
		}
	})
}
