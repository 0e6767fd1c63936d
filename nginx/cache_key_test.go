package nginx_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

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
