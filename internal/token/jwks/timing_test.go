package jwks_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/token/jwks"
)

// transport answers at once, and notes when it was asked.
type transport struct {
	set   []byte
	fails atomic.Bool

	mu sync.Mutex
	at []time.Time
}

func (tr *transport) asked() []time.Time {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.at)
}

func (tr *transport) RoundTrip(*http.Request) (*http.Response, error) {
	tr.mu.Lock()
	tr.at = append(tr.at, time.Now())
	tr.mu.Unlock()
	if tr.fails.Load() {
		return nil, errors.New("nobody there")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(tr.set))}, nil
}

// timed runs a source by a clock of its own, for as long as during returns.
func timed(t *testing.T, during func(r *running, tr *transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := &transport{set: set(t, newKey(t, "1"))}
		r := prepare(t, jwks.DefaultConfig("https://login.example.com/keys"))
		r.SetTransport(tr)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Source.Run(ctx) }()
		during(r, tr)
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
	})
}

// pass has the time pass, in steps.
func pass(d, step time.Duration, each func()) {
	for begin := time.Now(); time.Since(begin) < d; {
		each()
		time.Sleep(step)
		synctest.Wait()
	}
}

func TestTheAddressIsReadAgainEveryFewMinutes(t *testing.T) {
	timed(t, func(r *running, tr *transport) {
		pass(time.Hour, time.Second, func() {
			if r.Age() > 6*time.Minute {
				t.Errorf("got a set of %v, want none older than six minutes", r.Age())
			}
		})
		if got := len(tr.asked()); got < 10 || got > 14 {
			t.Errorf("got %d requests in an hour, want one in five minutes", got)
		}
	})
}

func TestUnknownKeyIDsCauseAtMostOneRequestInTenSeconds(t *testing.T) {
	for name, fails := range map[string]bool{"the address answers": false, "the address is away": true} {
		t.Run(name, func(t *testing.T) {
			timed(t, func(r *running, tr *transport) {
				synctest.Wait()
				tr.fails.Store(fails)
				pass(time.Minute, time.Second, func() {})
				before := len(tr.asked())
				pass(10*time.Minute, 100*time.Millisecond, r.Unknown)
				if got := len(tr.asked()) - before; got < 55 || got > 61 {
					t.Errorf("got %d requests in ten minutes, want one in ten seconds", got)
				}
				asked := tr.asked()[before:]
				for i, at := range asked[1:] {
					if since := at.Sub(asked[i]); since < 10*time.Second {
						t.Errorf("got requests %v apart, want at least 10s", since)
					}
				}
			})
		})
	}
}

// The first one after a quiet time is asked for at once.
func TestANewKeyIsAskedForAtOnce(t *testing.T) {
	timed(t, func(r *running, tr *transport) {
		pass(time.Minute, time.Second, func() {})
		before := len(tr.asked())
		r.Unknown()
		synctest.Wait()
		if got := len(tr.asked()) - before; got != 1 {
			t.Errorf("got %d requests, want one at once", got)
		}
	})
}

func TestAnAddressThatIsAwayIsTriedEveryTenSeconds(t *testing.T) {
	timed(t, func(r *running, tr *transport) {
		pass(time.Minute, time.Second, func() {})
		tr.fails.Store(true)
		pass(10*time.Minute, time.Second, func() {})
		if got := int(r.failed.Load()); got < 25 || got > 65 {
			t.Errorf("got %d tries in ten minutes, want one in ten seconds from the first that failed", got)
		}
		if r.Age() < 9*time.Minute || r.Age() > 12*time.Minute {
			t.Errorf("got a set of %v, want it as old as the outage", r.Age())
		}
		tr.fails.Store(false)
		pass(11*time.Second, time.Second, func() {})
		if r.Age() > 12*time.Second {
			t.Errorf("got a set of %v, want the address read again within ten seconds", r.Age())
		}
	})
}
