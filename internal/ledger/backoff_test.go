package ledger

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

func TestPace(t *testing.T) {
	cfg := DefaultConfig()
	p := newBackoff(cfg)
	looks := func(entries int, err error, want ...time.Duration) {
		t.Helper()
		for i, want := range want {
			got := p.after(entries, err)
			if err == nil && got != want || err != nil && (got < want/2 || got >= want/2+want) {
				t.Errorf("look %d with %d entries (%v): got a wait of %v, want %v", i, entries, err, got, want)
			}
		}
	}
	const ms, s = time.Millisecond, time.Second
	looks(0, nil, 10*ms, 20*ms, 40*ms, 80*ms, 160*ms, 250*ms, 250*ms)
	looks(5, nil, 10*ms, 10*ms)
	looks(0, nil, 20*ms, 40*ms)
	looks(0, errDown, 100*ms, 200*ms, 400*ms, 800*ms, 1600*ms, 3200*ms, 5*s, 5*s)
	looks(0, nil, 80*ms)
	looks(3, errDown, 100*ms, 200*ms)
	looks(3, nil, 10*ms)
	looks(0, errDown, 100*ms)
	t.Run("varies", func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 20 {
			seen[newBackoff(cfg).after(0, errDown)] = true
		}
		if len(seen) < 10 {
			t.Errorf("got %d different waits of 20, want nearly all different", len(seen))
		}
	})
}

func TestIdleReaderKeepsThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		r := newRedis()
		r.openAs("demo", 1)
		if err := r.Forget(t.Context(), "demo", r.save("demo").Chain(), []string{r.save("demo").stream()[0].ID}); err != nil {
			t.Fatal(err)
		}
		var at []time.Duration
		began := time.Now()
		r.before = func(_ context.Context, op Op, _ sale.ID) error {
			if op == OpEvents {
				at = append(at, time.Since(began))
			}
			return nil
		}
		reader := &reader{
			id: "demo", stream: r, cfg: cfg, failures: quiet(),
			known: true, found: true, chain: r.save("demo").Chain(), looked: time.Now(),
		}
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		if err := reader.run(ctx, ctx); err != nil {
			t.Fatal(err)
		}
		var want []time.Duration
		for _, ms := range []int{0, 10, 30, 70, 150, 310, 560} {
			want = append(want, time.Duration(ms)*time.Millisecond)
		}
		if diff := cmp.Diff(want, at); diff != "" {
			t.Errorf("polls (-want +got):\n%s", diff)
		}
	})
}
