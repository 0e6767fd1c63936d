package nginx_test

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// failing is a node that shows its sale until it fails.
type failing struct {
	fails atomic.Bool
	how   http.HandlerFunc
	show  http.HandlerFunc
}

func (f *failing) serve(w http.ResponseWriter, r *http.Request) {
	if f.fails.Load() {
		f.how(w, r)
		return
	}
	f.show(w, r)
}

func silent(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func breaksOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func away(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
}

// With the nodes silent, dead or without Redis, pages get the last document for a second more, at once, and then an error: nobody
// waits by an old front. Who is sold out for everybody has no such second, by promise P4.
func TestAnOldDocumentIsUsedForASecondMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		how    http.HandlerFunc
		kept   string
		bound  time.Duration
		status int
	}{
		"while nodes are silent":    {silent, keptStale, 3 * time.Second, http.StatusGatewayTimeout},
		"while they break off":      {breaksOff, keptStale, 3 * time.Second, http.StatusBadGateway},
		"while they have no Redis":  {away, keptStale, 3 * time.Second, http.StatusServiceUnavailable},
		"but not if it is sold out": {silent, keptOneSecond, 2 * time.Second, http.StatusGatewayTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := failing{how: c.how, show: shows(c.kept)}
			n := startNode(t, f.serve)
			e := start(t, site{Upstream: servers(n)})
			e.warm(t)
			f.fails.Store(true)
			began := time.Now() // the document is as old as this, or a little older
			var asks sync.WaitGroup
			var last atomic.Int64
			var failed atomic.Bool
			for began := began; time.Since(began) < 5*time.Second; time.Sleep(20 * time.Millisecond) {
				asks.Go(func() {
					asked := time.Now()
					a := e.show(t)
					switch took := time.Since(asked); {
					case a.StatusCode == http.StatusOK:
						last.Store(max(last.Load(), int64(time.Since(began))))
					case a.StatusCode == c.status:
						failed.Store(true)
						if took > 4*time.Second {
							t.Errorf("got %s after %v", a.Status, took)
						}
					default:
						t.Errorf("got %s %s, want the document, or %d", a.Status, a.Text, c.status)
					}
				})
			}
			asks.Wait()
			// Whoever asks a silent node for a new one gets the old one in the end, a read's time later.
			if got := time.Duration(last.Load()); got > c.bound+1100*time.Millisecond || !failed.Load() {
				t.Errorf("the old document is still answered after %v, want at most %v", got, c.bound)
			}
			f.fails.Store(false)
			if a := e.show(t); a.StatusCode != http.StatusOK {
				t.Errorf("got %s once the node is back, want the document", a.Status)
			}
		})
	}
}

// One waits for a node that is slow; all others have the old document meanwhile.
func TestNobodyElseWaitsForANewDocument(t *testing.T) {
	t.Parallel()
	show := shows(keptStale)
	var slow atomic.Bool
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if slow.Load() {
			time.Sleep(700 * time.Millisecond)
		}
		show(w, r)
	})
	e := start(t, site{Upstream: servers(n)})
	e.warm(t)
	slow.Store(true)
	before := n.Requests.Load()
	var waited, asked atomic.Int64
	var asks sync.WaitGroup
	for began := time.Now(); time.Since(began) < 6*time.Second; time.Sleep(5 * time.Millisecond) {
		asks.Go(func() {
			began := time.Now()
			wantStatus(t, e.show(t), http.StatusOK)
			if asked.Add(1); time.Since(began) > 600*time.Millisecond {
				waited.Add(1)
			}
		})
	}
	asks.Wait()
	reached := n.Requests.Load() - before
	if reached > 4 || waited.Load() > reached {
		t.Errorf("%d asks in six seconds reached the node %d times, and %d waited; want one in two seconds", asked.Load(), reached, waited.Load())
	}
}

// A crowd that comes to a sale of which nothing is kept waits for the first.
func TestACrowdAsksForANewSaleOnce(t *testing.T) {
	t.Parallel()
	show := shows(keptStale)
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(200 * time.Millisecond)
		show(w, r)
	})
	e := start(t, site{Upstream: servers(n)})
	wantStatus(t, e.show(t), http.StatusOK)
	var asks sync.WaitGroup
	for range 200 {
		asks.Go(func() { wantStatus(t, e.show(t), http.StatusOK) })
	}
	asks.Wait()
	if got := n.Requests.Load(); got > 3 {
		t.Errorf("200 asks at once reached the node %d times, want 2", got)
	}
}
