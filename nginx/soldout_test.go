package nginx_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const soldOutBody = `{"type":"https://onsale.dev/problems/sold-out","status":409,"code":"sold-out"}`

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

// Promise P4 gives Nginx two seconds. The node says sold out once and then sells.
func TestSoldOutIsForgottenWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	var said atomic.Bool
	e := start(t, site{Upstream: servers(startNode(t, func(w http.ResponseWriter, r *http.Request) {
		if said.CompareAndSwap(false, true) {
			soldOut(w, r)
			return
		}
		sells(w, r)
	}))})
	wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
	began := time.Now()
	for e.buy(t, "demo").StatusCode != http.StatusCreated {
		if took := time.Since(began); took > 2100*time.Millisecond {
			t.Fatalf("sold out is still said after %v, want at most 2 s", took)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Nobody may hear an older "sold out" because the nodes are gone.
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
			t.Fatalf("sold out is still said after %v, want 502 after at most 2 s", took)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Nginx 1.22 lets a Cache-Control that precedes X-Accel-Expires win, unless it is told
// to ignore it.
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

func TestNotKept(t *testing.T) {
	answer := func(status int, headers ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			for i := 0; i < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			fmt.Fprint(w, `{}`)
		}
	}
	const mark = "X-Accel-Expires"
	for name, node := range map[string]http.HandlerFunc{
		"a conflict without the mark":       answer(409),
		"a conflict that browsers may keep": answer(409, "Cache-Control", "public, max-age=60"),
		"a mark of more than a second":      answer(409, mark, "2"),
		"a mark of an absolute time":        answer(409, mark, fmt.Sprintf("@%d", time.Now().Unix()+1)),
		"a new order, marked by mistake":    answer(201, mark, "1", "Location", "/v1/sales/demo/orders/1"),
		"a replayed order, marked as well":  answer(200, mark, "1"),
		"an unauthorized buyer, marked":     answer(401, mark, "1"),
		"a busy node, marked":               answer(503, mark, "1"),
		"a conflict that is no problem":     answer(409, mark, "1", "Content-Type", "application/json"),
		"an answer that sets a cookie":      answer(409, mark, "1", "Set-Cookie", "buyer=1"),
		"an answer that varies by anything": answer(409, mark, "1", "Vary", "*"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, node)
			e := start(t, site{Upstream: servers(n)})
			for range 3 {
				e.buy(t, "demo")
			}
			if got := n.Requests.Load(); got != 3 {
				t.Errorf("3 purchases reached the node %d times, want 3", got)
			}
		})
	}
}

func TestAnAnswerThatVariesByTokenIsNotSharedBetweenBuyers(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: servers(startNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Authorization")
		w.Header().Set("Whose", r.Header.Get("Authorization"))
		soldOut(w, r)
	}))})
	for range 3 {
		for _, buyer := range []string{"Bearer a", "Bearer b"} {
			wantHeader(t, e.buy(t, "demo", "Authorization: "+buyer), "Whose", buyer)
		}
	}
}

func TestEntriesAreNotShared(t *testing.T) {
	const orders = "/v1/sales/demo/orders"
	for name, other := range map[string]struct{ method, path, node string }{
		"with another sale":                {"POST", "/v1/sales/other/orders", "/v1/sales/other/orders"},
		"with reading the same URI":        {"GET", orders, orders},
		"with the head of the same URI":    {"HEAD", orders, orders},
		"with another spelling of reading": {"GET", "/v1/sales/x/../dem%6f//orders?x=1", orders},
		"with a sale in capitals":          {"POST", "/v1/sales/DEMO/orders", "/v1/sales/DEMO/orders"},
		"with a folder below":              {"POST", orders + "/", orders + "/"},
		"with a buyer's own order":         {"GET", orders + "/mine", orders + "/mine"},
		"with a cancellation":              {"DELETE", orders, orders},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got atomic.Value
			n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
				got.Store(r.Method + " " + r.RequestURI)
				soldOut(w, r)
			})
			e := start(t, site{Upstream: servers(n)})
			e.buy(t, "demo")
			before := n.Requests.Load()
			e.do(t, other.method, other.path, "")
			if n.Requests.Load() == before {
				t.Fatal("answered from the cache, want the node asked")
			}
			if want := other.method + " " + other.node; got.Load() != want {
				t.Errorf("the node got %q, want %q", got.Load(), want)
			}
		})
	}
}

// Otherwise anyone could send every purchase to the nodes, and fill the cache.
func TestASoldOutSaleIsOneEntryWhateverTheRequestLine(t *testing.T) {
	for name, spell := range map[string]func(i int) string{
		"with a query":            func(i int) string { return fmt.Sprintf("/v1/sales/s/orders?x=%d", i) },
		"with an empty query":     func(i int) string { return "/v1/sales/s/orders" + strings.Repeat("?", i) },
		"with a known query name": func(i int) string { return fmt.Sprintf("/v1/sales/s/orders?sale=%d&quantity=%d", i, i) },
		"with a fragment":         func(i int) string { return fmt.Sprintf("/v1/sales/s/orders#%d", i) },
		"with an escape": func(i int) string {
			return "/v1/sales/" + []string{"s", "%73"}[i%2] + "/" + []string{"o", "%6f", "%6F"}[i%3] + "rders"
		},
		"with an escape and fragment": func(i int) string { return fmt.Sprintf("/v1/sales/%%73/orders#%d", i) },
		"with an escaped slash":       func(i int) string { return "/v1/sales" + []string{"/", "%2f", "%2F"}[i%3] + "s%2Forders" },
		"with doubled slashes": func(i int) string {
			return strings.Repeat("/", i+1) + "v1/sales/s" + strings.Repeat("/", i+1) + "orders"
		},
		"with dots": func(i int) string {
			return "/v1" + strings.Repeat("/.", i) + "/sales/" + strings.Repeat("x/../", i) + "s/orders"
		},
		"with escaped dots": func(i int) string { return "/v1/sales/" + strings.Repeat("x/%2e%2E/", i) + "s/orders" },
		"with a host in it": func(i int) string { return fmt.Sprintf("http://h%d/v1/sales/s/orders?%d", i, i) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var odd atomic.Value
			n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
				if r.RequestURI != "/v1/sales/s/orders" {
					odd.Store(r.RequestURI)
				}
				soldOut(w, r)
			})
			e := start(t, site{Upstream: servers(n)})
			const purchases = 60
			for i := range purchases {
				a := e.raw(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h%d\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", spell(i), i))
				wantStatus(t, a, http.StatusConflict)
			}
			// One, and one more for each second that began meanwhile.
			if got := n.Requests.Load(); got > 5 {
				t.Errorf("%d purchases reached the node %d times, want once a second", purchases, got)
			}
			if uri := odd.Load(); uri != nil {
				t.Errorf("the node got %q, want the one spelling", uri)
			}
			files, err := os.ReadDir(filepath.Join(e.Prefix, "cache"))
			if err != nil || len(files) != 1 {
				t.Errorf("got %d files in the cache (%v), want 1", len(files), err)
			}
		})
	}
}

// The buyer whose first try may have sold is told so; those who are served from the
// cache afterwards are not.
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
