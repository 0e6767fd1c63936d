package pause

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestAPauseEndsWithItsContext(t *testing.T) {
	for name, c := range map[string]struct {
		pause, took time.Duration
		want        bool
	}{
		"before": {time.Second, time.Second, true},
		"after":  {time.Hour, time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				begin := time.Now()
				if got, took := For(ctx, c.pause), time.Since(begin); got != c.want || took != c.took {
					t.Errorf("got %v after %v, want %v after %v", got, took, c.want, c.took)
				}
			})
		})
	}
}

// Of two that are ready, select takes any.
func TestAPauseThatIsOverEndsWithItsContextToo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if For(ctx, -time.Second) {
			t.Fatal("got true, want false: ctx is done")
		}
	}
}

func TestPausesTogetherEndTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(230 * time.Millisecond)
		Together(t.Context(), 100*time.Millisecond)
		first := time.Now()
		time.Sleep(30 * time.Millisecond)
		for range 3 {
			if !Together(t.Context(), 200*time.Millisecond) {
				t.Fatal("got false, want true: nothing ended")
			}
			if off := time.Since(first) % (100 * time.Millisecond); off != 0 {
				t.Errorf("got it over %v after another one, want multiples of 100ms", time.Since(first))
			}
		}
		if took := time.Since(first); took < 400*time.Millisecond || took > 600*time.Millisecond {
			t.Errorf("got three pauses of 200ms over after %v", took)
		}
	})
}
