package testbed_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// leases are the files that the allocator has written beside Nginx.
func (s *site) leases(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.Dir, "nginx", "site", "soldout", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sellOut sells the sale's one ticket, and returns its order once there is a lease.
func (s *site) sellOut(t *testing.T) (order string) {
	t.Helper()
	s.open(t, 1, time.Minute)
	first := s.buy(t, "buyer-0")
	if first.status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", first)
	}
	await.Within(t, 10*time.Second, "there is a lease", func() bool { return len(s.leases(t)) > 0 })
	// A worker that has looked for this second's file before it was there does not look again.
	time.Sleep(1100 * time.Millisecond)
	return first.order
}

// P4, whatever becomes of the writer. The nodes are dead meanwhile, so that only a lease can answer, and not for
// longer than two seconds after the writer's end.
func TestTheEdgeForgetsSoldOutWithItsWriter(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, Balancer: true})
	s.sellOut(t)
	if err := s.Nodes[0].Kill(); err != nil {
		t.Fatal(err)
	}
	soldOutFor := func(d time.Duration) {
		t.Helper()
		for began := time.Now(); time.Since(began) < d; time.Sleep(5 * time.Millisecond) {
			if got := s.buy(t, "late"); got.code != "sold-out" {
				t.Fatalf("after %v: got %+v, want sold-out from the lease", time.Since(began), got)
			}
		}
	}
	forgotten := func(what string, end func() error) {
		t.Helper()
		if err := end(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for s.buy(t, "late").code == "sold-out" {
			if took := time.Since(began); took > 2100*time.Millisecond {
				t.Fatalf("%s: sold out is still answered after %v, want at most 2 s", what, took)
			}
			time.Sleep(5 * time.Millisecond)
		}
		for range 100 { // it does not come back either
			if got := s.buy(t, "late"); got.code == "sold-out" {
				t.Fatalf("%s: got %+v, %v after it was forgotten", what, got, time.Since(began))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	soldOutFor(3 * time.Second) // longer than the microcache would
	a := s.Allocators[0]
	forgotten("SIGSTOP", a.Pause)
	if err := a.Resume(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 10*time.Second, "the lease is back", func() bool { return s.buy(t, "late").code == "sold-out" })
	soldOutFor(2500 * time.Millisecond)
	forgotten("SIGKILL", a.Kill)
	yesterday := filepath.Join(s.Dir, "nginx", "site", "soldout", "demo."+strconv.FormatInt(time.Now().Unix()-86400, 10))
	if err := os.WriteFile(yesterday, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 15*time.Second, "a new writer has removed the old files", func() bool {
		_, err := os.Stat(yesterday)
		return os.IsNotExist(err)
	})
	await.Within(t, 10*time.Second, "it writes leases: the sale was asked for in the last minute", func() bool { return s.buy(t, "late").code == "sold-out" })
	if err := s.Redis.Kill(); err != nil { // P8
		t.Fatal(err)
	}
	forgotten("Redis away", func() error { return nil })
	if err := s.Redis.Restart(s.ctx); err != nil {
		t.Fatal(err)
	}
}

func TestTicketsThatComeBackSellAtTheEdge(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 2, Allocators: 2, Balancer: true})
	order := s.sellOut(t)
	before := s.count(t, `onsale_buyerapi_answers_total{code="sold-out"}`)
	for i := range 500 {
		if got := s.buy(t, fmt.Sprintf("late-%d", i)); got.code != "sold-out" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Request-Id") == "" {
			t.Fatalf("got %+v, want sold-out", got)
		}
	}
	if asked := s.count(t, `onsale_buyerapi_answers_total{code="sold-out"}`) - before; asked > 0 {
		t.Errorf("%d of 500 purchases reached a node, want none", asked)
	}
	// Whoever repeats a purchase gets his order from a node.
	r, err := s.request(http.MethodPost, "/v1/sales/demo/orders", "buyer-0", `{"quantity":1}`)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Idempotency-Key", "again")
	again, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if again.Body.Close(); again.StatusCode != http.StatusOK || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("with an Idempotency-Key: got %s, want the order", again.Status)
	}
	// The lease's answer is a node's.
	sameAsANode(t, s)
	if got := s.ask(t, http.MethodDelete, "/v1/sales/demo/orders/"+order, "buyer-0", ""); got.status != http.StatusOK {
		t.Fatalf("cancel: got %+v, want 200", got)
	}
	sells(t, s, "after-cancel")
	time.Sleep(2 * time.Second)
	if _, err := s.store.Restock(s.ctx, "demo", 1, "more"); err != nil {
		t.Fatal(err)
	}
	sells(t, s, "after-restock")
	if sold := s.audit(t).Sold(); sold != 2 {
		t.Errorf("got %d sold, want 2", sold)
	}
}

// sells has a buyer come until the ticket that has just come back is sold, within what P4 allows.
func sells(t *testing.T, s *site, buyer string) {
	t.Helper()
	for began := time.Now(); s.buy(t, buyer).status != http.StatusCreated; time.Sleep(5 * time.Millisecond) {
		if took := time.Since(began); took > 3200*time.Millisecond {
			t.Fatalf("%s: the ticket does not sell after %v, want at most 3 s", buyer, took)
		}
	}
}

// sameAsANode compares the answer from a lease with a node's own.
func sameAsANode(t *testing.T, s *site) {
	t.Helper()
	var bodies []string
	var headers []http.Header
	for _, front := range []string{"", "http://" + s.Nodes[0].Listen} {
		r, err := s.request(http.MethodPost, front+"/v1/sales/demo/orders", "late", `{"quantity":1}`)
		if err != nil {
			t.Fatal(err)
		}
		got, body, err := answered(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Date", "Server", "X-Request-Id", "Connection", "X-Accel-Expires"} { // of each answer, or for Nginx
			got.Header.Del(name)
		}
		bodies, headers = append(bodies, string(body)), append(headers, got.Header)
	}
	if bodies[0] != bodies[1] || fmt.Sprint(headers[0]) != fmt.Sprint(headers[1]) {
		t.Errorf("got from the lease\n%s %v\nand from a node\n%s %v", bodies[0], headers[0], bodies[1], headers[1])
	}
}
