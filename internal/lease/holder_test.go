package lease

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/pause"
	"onsale/internal/sale"
)

// acquirer is an Acquirer of function fields.
type acquirer struct {
	acquire func(ctx context.Context) (sale.Generation, bool, error)
	release func(ctx context.Context) error
}

func (a acquirer) Acquire(ctx context.Context) (sale.Generation, bool, error) { return a.acquire(ctx) }
func (a acquirer) Release(ctx context.Context) error                          { return a.release(ctx) }

// testConfig is what a ledger holds its leases with.
var testConfig = Config{TTL: 5 * time.Second, Renew: 5 * time.Second / 3, Call: time.Second, Finish: 15 * time.Second}

func ignore(error) {}

// TestHoldEnds holds a lease whose renewals, from the second call on, do what each case sets.
func TestHoldEnds(t *testing.T) {
	cfg := testConfig
	down := errors.New("down")
	for name, c := range map[string]struct {
		renew func(ctx context.Context) (sale.Generation, bool, error)
		want  error
		after time.Duration // counted from the sending of the first call
	}{
		"when it is another's":               {func(context.Context) (sale.Generation, bool, error) { return 8, false, nil }, sale.ErrLeaseLost, cfg.TTL / 3},
		"when it was another's in between":   {func(context.Context) (sale.Generation, bool, error) { return 8, true, nil }, sale.ErrLeaseLost, cfg.TTL / 3},
		"when renewals fail for its time":    {func(context.Context) (sale.Generation, bool, error) { return 0, false, down }, sale.ErrLeaseLost, cfg.TTL},
		"when a renewal hangs":               {func(ctx context.Context) (sale.Generation, bool, error) { <-ctx.Done(); return 0, false, ctx.Err() }, sale.ErrLeaseLost, cfg.TTL},
		"not while it is renewed, but stops": {func(context.Context) (sale.Generation, bool, error) { return 7, true, nil }, nil, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				calls, released := 0, 0
				l := acquirer{release: func(ctx context.Context) error { released++; return ctx.Err() }}
				l.acquire = func(ctx context.Context) (sale.Generation, bool, error) {
					if calls++; calls > 1 {
						return c.renew(ctx)
					}
					time.Sleep(cfg.Call / 2) // in the bubble: the answer travels
					return 7, true, nil
				}
				h := NewHolder(l, cfg, ignore)
				sent := time.Now()
				if held, err := h.Try(stop); !held || err != nil {
					t.Fatalf("got held %v (%v), want it", held, err)
				}
				var took time.Duration
				err := h.Hold(stop, func(stop, _ context.Context, _ sale.Generation) error {
					<-stop.Done()
					took = time.Since(sent)
					if c.want != nil && !errors.Is(context.Cause(stop), c.want) {
						t.Errorf("got the cause %v, want %v", context.Cause(stop), c.want)
					}
					return nil
				})
				if !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
				// The first renewal comes a third of the lease after the first answer.
				if got, most := took, c.after+cfg.Call/2; got < c.after || got > most || c.after == cfg.TTL && got != c.after {
					t.Errorf("got the end after %v, want %v to %v, and never past the lease", got, c.after, most)
				}
				if released != 1 {
					t.Errorf("got it released %d times, want once", released)
				}
			})
		})
	}
}

func TestHoldFinishesWhatIsUnderWay(t *testing.T) {
	cfg := testConfig
	for name, c := range map[string]struct{ needs, want time.Duration }{
		"and renews meanwhile":          {cfg.Finish - time.Second, cfg.Finish - time.Second},
		"but for no longer than it may": {time.Hour, cfg.Finish},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stop, cancel := context.WithCancel(t.Context())
				l := acquirer{
					acquire: func(context.Context) (sale.Generation, bool, error) { return 7, true, nil },
					release: func(context.Context) error { return nil },
				}
				h := NewHolder(l, cfg, ignore)
				if _, err := h.Try(stop); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				cancel()
				err := h.Hold(stop, func(_, work context.Context, _ sale.Generation) error {
					pause.For(work, c.needs)
					return nil
				})
				if took := time.Since(began); took != c.want || err != nil {
					t.Errorf("got the end after %v (%v), want %v", took, err, c.want)
				}
			})
		})
	}
}

func TestCampaign(t *testing.T) {
	cfg := testConfig
	t.Run("tries until the lease is held, whatever happens", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			down := errors.New("down")
			answers := []func() (sale.Generation, bool, error){
				func() (sale.Generation, bool, error) { return 0, false, down },
				func() (sale.Generation, bool, error) { return 6, false, nil },
				func() (sale.Generation, bool, error) { return 7, true, nil },
			}
			calls := 0
			var reported []error
			l := acquirer{release: func(context.Context) error { return nil }}
			l.acquire = func(context.Context) (sale.Generation, bool, error) { calls++; return answers[calls-1]() }
			h := NewHolder(l, cfg, func(err error) { reported = append(reported, err) })
			began := time.Now()
			if err := h.Campaign(t.Context()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != 2*cfg.Renew {
				t.Errorf("got the lease after %v, want %v", took, 2*cfg.Renew)
			}
			if want := []error{down, nil, nil}; !slices.Equal(reported, want) {
				t.Errorf("got %v reported, want %v", reported, want)
			}
			var token sale.Generation
			if err := h.Hold(t.Context(), func(_, _ context.Context, got sale.Generation) error { token = got; return down }); err != down || token != 7 {
				t.Errorf("got token %d and %v, want 7 and %v", token, err, down)
			}
		})
	})
	t.Run("ends with its context, and reports nothing about that", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), cfg.Call/2)
			defer cancel()
			l := acquirer{acquire: func(ctx context.Context) (sale.Generation, bool, error) {
				<-ctx.Done()
				return 0, false, ctx.Err()
			}}
			h := NewHolder(l, cfg, func(err error) { t.Errorf("got %v reported, want nothing", err) })
			if err := h.Campaign(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
			}
		})
	})
	t.Run("makes no call when it is over before it began", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h := NewHolder(acquirer{}, cfg, ignore) // a call would panic
		if err := h.Campaign(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}
