package throttle_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/throttle"
)

func TestAReaderRestsInProportion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for rest, want := range map[throttle.Rest]time.Duration{0: 30 * time.Millisecond, 1: 60 * time.Millisecond, 3: 120 * time.Millisecond} {
			begun := time.Now()
			r := rest.Begin()
			for range 3 {
				time.Sleep(10 * time.Millisecond) // a piece
				if err := r.Rest(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := time.Since(begun); got != want {
				t.Errorf("rest %v: got %v for three pieces of 10 ms, want %v", rest, got, want)
			}
		}
	})
}

func TestAReaderWhoseContextEndsRestsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		r := throttle.Rest(1000).Begin()
		time.Sleep(time.Second)
		cancel()
		if err := r.Rest(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
	})
}
