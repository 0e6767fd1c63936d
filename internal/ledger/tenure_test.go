package ledger

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"onsale/internal/sale"
)

// lease is a Lease of function fields.
type lease struct {
	acquire func(ctx context.Context) (sale.Generation, bool, error)
	release func(ctx context.Context) error
}

func (l lease) Acquire(ctx context.Context) (sale.Generation, bool, error) { return l.acquire(ctx) }
func (l lease) Release(ctx context.Context) error                          { return l.release(ctx) }

// TestTenureEnds holds a lease whose renewals, from the second call on, do what each case says.
func TestTenureEnds(t *testing.T) {
	cfg := DefaultConfig()
	down := errors.New("down")
	for name, c := range map[string]struct {
		renew func(ctx context.Context) (sale.Generation, bool, error)
		want  error
		after time.Duration // counted from the sending of the first call
	}{
		"when it is another's":               {func(context.Context) (sale.Generation, bool, error) { return 8, false, nil }, errLost, cfg.LeaseTime / 3},
		"when it was another's in between":   {func(context.Context) (sale.Generation, bool, error) { return 8, true, nil }, errLost, cfg.LeaseTime / 3},
		"when renewals fail for its time":    {func(context.Context) (sale.Generation, bool, error) { return 0, false, down }, errLost, cfg.LeaseTime},
		"when a renewal hangs":               {func(ctx context.Context) (sale.Generation, bool, error) { <-ctx.Done(); return 0, false, ctx.Err() }, errLost, cfg.LeaseTime},
		"not while it is renewed, but stops": {func(context.Context) (sale.Generation, bool, error) { return 7, true, nil }, nil, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				calls, released := 0, 0
				l := lease{release: func(ctx context.Context) error { released++; return ctx.Err() }}
				l.acquire = func(ctx context.Context) (sale.Generation, bool, error) {
					if calls++; calls > 1 {
						return c.renew(ctx)
					}
					time.Sleep(cfg.Call / 2) // in the bubble: the answer travels
					return 7, true, nil
				}
				tenure := &tenure{id: "demo", lease: l, cfg: cfg, journal: newJournal(zap.NewNop(), Hooks{}.filled())}
				sent := time.Now()
				if held, err := tenure.take(stop); !held || err != nil {
					t.Fatalf("got held %v (%v), want it", held, err)
				}
				var took time.Duration
				err := tenure.during(stop, func(stop, _ context.Context) error {
					<-stop.Done()
					took = time.Since(sent)
					return nil
				})
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				// The first renewal comes a third of the lease after the first answer.
				if got, most := took, c.after+cfg.Call/2; got < c.after || got > most || c.after == cfg.LeaseTime && got != c.after {
					t.Errorf("got the end after %v, want %v to %v, and never past the lease", got, c.after, most)
				}
				if released != 1 {
					t.Errorf("got it released %d times, want once", released)
				}
			})
		})
	}
}

func TestTenureFinishesWhatIsUnderWay(t *testing.T) {
	cfg := DefaultConfig()
	for name, c := range map[string]struct{ needs, want time.Duration }{
		"and renews meanwhile":          {cfg.Commit - time.Second, cfg.Commit - time.Second},
		"but for no longer than it may": {time.Hour, cfg.Commit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop, cancel := context.WithCancel(t.Context())
				l := lease{
					acquire: func(context.Context) (sale.Generation, bool, error) { return 7, true, nil },
					release: func(context.Context) error { return nil },
				}
				tenure := &tenure{id: "demo", lease: l, cfg: cfg, journal: newJournal(zap.NewNop(), Hooks{}.filled())}
				if _, err := tenure.take(stop); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				cancel()
				err := tenure.during(stop, func(_, work context.Context) error {
					pause(work, c.needs)
					return nil
				})
				if took := time.Since(began); took != c.want || err != nil {
					t.Errorf("got the end after %v (%v), want %v", took, err, c.want)
				}
			})
		})
	}
}
