package nginx_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/problem"
	"onsale/internal/testbed/await"
)

// lease keeps a lease of a sale, as an allocator does, until the test ends or it is called.
func (e *edge) lease(t *testing.T, sale string) (end func()) {
	t.Helper()
	folder := filepath.Join(e.Prefix, "site", "soldout")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			for i := range int64(2) {
				name := filepath.Join(folder, fmt.Sprintf("%s.%d", sale, time.Now().Unix()+i))
				if err := os.WriteFile(name, nil, 0o644); err != nil {
					t.Error(err)
				}
			}
			select {
			case <-ended:
				return
			case <-time.After(300 * time.Millisecond):
			}
		}
	}()
	var once sync.Once
	end = func() { once.Do(func() { close(ended); <-done }) }
	t.Cleanup(end)                      // before the folder goes
	time.Sleep(1100 * time.Millisecond) // a worker may know that the first second has none
	return end
}

// The document is the table's, with the link that a node adds.
func TestALeasesAnswerIsANodes(t *testing.T) {
	t.Parallel()
	n := startNode(t, sells)
	e := start(t, site{Upstream: servers(n)})
	defer e.lease(t, "demo")()
	want := string(problem.SoldOut.Document("")) + `,"mine":"/v1/sales/demo/orders/mine"}`
	ids := map[string]bool{}
	for _, path := range []string{"/v1/sales/demo/orders", "/v1/sales/demo/orders?x=1", "/v1//sales/%64emo/orders", "/v1/sales/./demo/orders"} {
		a := e.do(t, "POST", path, `{"quantity":1}`, "Authorization: Bearer whoever")
		wantStatus(t, a, problem.SoldOut.Status)
		wantHeader(t, a, "Content-Type", "application/problem+json")
		wantHeader(t, a, "Cache-Control", "no-store")
		wantHeader(t, a, "Onsale-Retried", "")
		if a.Text != want {
			t.Errorf("%s: got %s, want %s", path, a.Text, want)
		}
		ids[a.Header.Get("X-Request-Id")] = true
	}
	if len(ids) != 4 || ids[""] {
		t.Errorf("got the request ids %v, want four", ids)
	}
	if got := n.Requests.Load(); got != 0 {
		t.Errorf("a node was asked %d times, want never", got)
	}
}

// Everything but a purchase without a key is a node's to answer, and so are other sales.
func TestALeaseIsForPurchasesOfItsSaleAlone(t *testing.T) {
	t.Parallel()
	n := startNode(t, sells)
	e := start(t, site{Upstream: servers(n)})
	defer e.lease(t, "demo")()
	answers := []answer{
		e.buy(t, "demo", "Idempotency-Key: 0"), e.buy(t, "demo2"), e.buy(t, "dem"), e.buy(t, "none"),
		e.do(t, "GET", "/v1/sales/demo/orders", ""), e.do(t, "PUT", "/v1/sales/demo/orders", ""), e.do(t, "DELETE", "/v1/sales/demo/orders", ""),
		e.do(t, "GET", "/v1/sales/demo/orders/mine", ""), e.do(t, "POST", "/v1/sales/demo/line", ""),
	}
	for _, a := range answers {
		wantStatus(t, a, http.StatusCreated)
	}
	if got := n.Requests.Load(); got != int64(len(answers)) {
		t.Errorf("a node was asked %d times, want %d times", got, len(answers))
	}
	wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
}

func TestALeaseEndsWithItsWriter(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: servers(startNode(t, sells))})
	end := e.lease(t, "demo")
	wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
	end()
	began := time.Now()
	for e.buy(t, "demo").StatusCode != http.StatusCreated {
		if took := time.Since(began); took > 2100*time.Millisecond {
			t.Fatalf("sold out is still answered after %v, want at most 2 s", took)
		}
		time.Sleep(5 * time.Millisecond)
	}
	time.Sleep(time.Second) // the files are still there
	wantStatus(t, e.buy(t, "demo"), http.StatusCreated)
}

// `if` and `return` would answer before any limit counts.
func TestALeasesAnswersCountForLimits(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: servers(startNode(t, sells)), Listen: "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;"})
	defer e.lease(t, "demo")()
	limited := 0
	for range 900 {
		a := e.buy(t, "demo", "X-Forwarded-For: 192.0.2.1")
		switch a.StatusCode {
		case http.StatusConflict:
		case http.StatusTooManyRequests:
			limited++
			if !strings.Contains(a.Text, `"rate-limited"`) || a.Header.Get("Retry-After") == "" {
				t.Fatalf("got %s %v, want the problem document", a.Text, a.Header)
			}
		default:
			t.Fatalf("got %s: %s", a.Status, a.Text)
		}
	}
	if limited == 0 {
		t.Error("900 purchases of one address were all answered, want some refused")
	}
	a := e.do(t, "POST", "/v1/sales/demo/orders", strings.Repeat("x", 9000))
	wantStatus(t, a, http.StatusRequestEntityTooLarge)
	wantHeader(t, a, "Content-Type", "application/problem+json")
}

// Without the folder, or with one that the workers can't enter, the nodes and the microcache answer.
func TestWithoutLeasesTheMicrocacheAnswers(t *testing.T) {
	for name, prepare := range map[string]func(string) error{
		"missing":   func(string) error { return nil },
		"closed":    func(folder string) error { return os.Mkdir(folder, 0) },
		"a file":    func(folder string) error { return os.WriteFile(folder, nil, 0o600) },
		"dead link": func(folder string) error { return os.Symlink("nowhere", folder) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startNode(t, soldOut)
			e := start(t, site{Upstream: servers(n)})
			if err := prepare(filepath.Join(e.Prefix, "site", "soldout")); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
			}
			if got := n.Requests.Load(); got < 1 || got > 2 {
				t.Errorf("20 purchases reached the node %d times, want 1 (or 2)", got)
			}
		})
	}
}

// Where the allocator's file is elsewhere, a link to it, its leases are too.
func TestInstallFindsTheLeasesBesideTheNodes(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: servers(startNode(t, sells))})
	elsewhere := t.TempDir()
	peers := filepath.Join(e.Prefix, "site", "peers")
	if err := os.Remove(peers); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "peers"), peers); err != nil {
		t.Fatal(err)
	}
	install(t, e.Prefix)
	if to, err := os.Readlink(filepath.Join(e.Prefix, "site", "soldout")); err != nil || to != filepath.Join(elsewhere, "soldout") {
		t.Errorf("got a link to %q, %v, want to %s/soldout", to, err, elsewhere)
	}
	install(t, e.Prefix) // again, as an upgrade does
	await.Until(t, "nginx answers", func() bool { return e.buy(t, "demo").StatusCode == http.StatusCreated })
}
