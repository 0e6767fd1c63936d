package nginx_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

const soldOutBody = `{"type":"/problems/sold-out","status":409,"code":"sold-out"}`

// soldOut answers like a node whose sale is sold out.
func soldOut(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("X-Accel-Expires", "1")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusConflict)
	fmt.Fprint(w, soldOutBody)
}

func TestSoldOutIsRepeatedFromTheCache(t *testing.T) {
	t.Parallel()
	n := startNode(t, soldOut)
	e := start(t, site{Upstream: servers(n)})
	for i := range 20 {
		// Anyone who asks, with whatever token, quantity and wish for freshness.
		a := e.do(t, "POST", "/v1/sales/demo/orders", fmt.Sprintf(`{"quantity":%d}`, i+1),
			fmt.Sprintf("Authorization: Bearer buyer-%d", i), "Cache-Control: no-cache")
		wantStatus(t, a, http.StatusConflict)
		wantHeader(t, a, "Content-Type", "application/problem+json")
		wantHeader(t, a, "Cache-Control", "no-store")
		wantHeader(t, a, "X-Accel-Expires", "")
		wantHeader(t, a, "Onsale-Retried", "")
		if a.Text != soldOutBody {
			t.Fatalf("got %q, want the node's document", a.Text)
		}
	}
	// Twenty answers take some milliseconds, so at most one second ends among them.
	if got := n.Requests.Load(); got > 2 {
		t.Errorf("20 purchases reached the node %d times, want 1 (or 2)", got)
	}
}

// Promise P4 gives Nginx two seconds. The node answers sold-out once and then sells.
func TestSoldOutIsForgottenWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	var refused atomic.Bool
	e := start(t, site{Upstream: servers(startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if refused.CompareAndSwap(false, true) {
			soldOut(w, r)
			return
		}
		sells(w, r)
	}))})
	wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
	began := time.Now()
	for e.buy(t, "demo").StatusCode != http.StatusCreated {
		if took := time.Since(began); took > 2100*time.Millisecond {
			t.Fatalf("sold out is still answered after %v, want at most 2 s", took)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Nginx must not serve an older "sold out" because the nodes are gone.
func TestSoldOutIsNotServedStaleWhenTheNodesAreGone(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	n := startRaw(t, func(_ context.Context, c net.Conn) {
		if calls.Add(1) == 1 {
			fmt.Fprintf(c, "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\nX-Accel-Expires: 1\r\n"+
				"Cache-Control: stale-while-revalidate=60, stale-if-error=60\r\nContent-Length: %d\r\n\r\n%s",
				len(soldOutBody), soldOutBody)
		}
	})
	e := start(t, site{Upstream: servers(n)})
	wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
	began := time.Now()
	for e.buy(t, "demo").StatusCode != http.StatusBadGateway {
		if took := time.Since(began); took > 2100*time.Millisecond {
			t.Fatalf("sold out is still answered after %v, want 502 after at most 2 s", took)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Nginx 1.22 lets a Cache-Control that precedes X-Accel-Expires win, unless it is
// configured to ignore it.
func TestSoldOutIsKeptWhateverTheHeadersOrder(t *testing.T) {
	for name, head := range map[string]string{
		"X-Accel-Expires first": "X-Accel-Expires: 1\r\nCache-Control: no-store\r\n",
		"Cache-Control first":   "Cache-Control: no-store\r\nExpires: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Accel-Expires: 1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startRaw(t, func(_ context.Context, c net.Conn) {
				fmt.Fprintf(c, "HTTP/1.1 409 Conflict\r\nContent-Type: application/problem+json\r\n%s"+
					"Connection: close\r\nContent-Length: %d\r\n\r\n%s", head, len(soldOutBody), soldOutBody)
			})
			e := start(t, site{Upstream: servers(n)})
			for range 10 {
				wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
			}
			if got := n.Requests.Load(); got > 2 {
				t.Errorf("10 purchases reached the node %d times, want 1 (or 2)", got)
			}
		})
	}
}

// The answer to the buyer whose first try may have sold is marked as retried; later answers
// from the cache are not.
func TestRetriedIsNotKeptWithTheAnswer(t *testing.T) {
	t.Parallel()
	n := startNode(t, soldOut)
	e := start(t, site{Upstream: servers(startRaw(t, dies), n)})
	a := e.buy(t, "demo")
	wantStatus(t, a, http.StatusConflict)
	wantHeader(t, a, "Onsale-Retried", "1")
	b := e.buy(t, "demo")
	if got := n.Requests.Load(); got != 1 {
		t.Errorf("the node was asked %d times, want once: an answer after a retry is kept too", got)
	}
	wantStatus(t, b, http.StatusConflict)
	wantHeader(t, b, "Onsale-Retried", "")
	if a.Header.Get("X-Request-Id") == b.Header.Get("X-Request-Id") {
		t.Error("two answers carry the same X-Request-Id")
	}
}

// With proxy_cache_lock the second purchase would wait for the first.
func TestPurchasesDoNotQueueBehindEachOther(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	arrived := make(chan struct{}, 2)
	e := start(t, site{Upstream: servers(startNode(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
		sells(w, r)
	}))})
	done := make(chan struct{}, 2)
	for range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			r, err := e.client.Post("http://"+e.Addr+"/v1/sales/demo/orders", "application/json", nil)
			if err != nil {
				t.Error(err)
				return
			}
			r.Body.Close()
		}()
	}
	for i := range 2 {
		select {
		case <-arrived:
		case <-time.After(2 * time.Second):
			t.Errorf("got %d purchases at the node at once, want 2", i)
		}
	}
	close(release)
	<-done
	<-done
}
