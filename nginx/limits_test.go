package nginx_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// behindBalancer makes Nginx believe the address that the test claims in X-From, so
// that the shipped limits apply although the test is on loopback.
const behindBalancer = "set_real_ip_from 127.0.0.1; real_ip_header X-From;"

// rush sends n requests and returns how many were refused, and the last refusal.
func (e *edge) rush(t *testing.T, n int, headers ...string) (refused int, last answer) {
	t.Helper()
	return e.rushFor(t, n, "GET", "/v1/sales/demo/orders/mine", headers...)
}

// rushFor is rush for what is at a path.
func (e *edge) rushFor(t *testing.T, n int, method, path string, headers ...string) (refused int, last answer) {
	t.Helper()
	for range n {
		a := e.do(t, method, path, "", headers...)
		if a.StatusCode == http.StatusTooManyRequests {
			refused, last = refused+1, a
		}
	}
	return refused, last
}

// wantLimited returns after how many seconds a refusal has its client come back.
func wantLimited(t *testing.T, a answer) string {
	t.Helper()
	after := a.Header.Get("Retry-After")
	wantProblem(t, a, http.StatusTooManyRequests, "rate-limited", after)
	wantHeader(t, a, "RateLimit", `"address";r=0;t=`+after)
	if after < "1" || after > "4" {
		t.Errorf("got Retry-After %q, want 1 to 4", after)
	}
	return after
}

// All who were refused came back in the same second, and were refused again.
func TestThoseRefusedComeBackOneAfterTheOther(t *testing.T) {
	t.Parallel()
	e := start(t, site{Listen: "location = /limited { return 429; }"})
	times := map[string]int{}
	for range 400 {
		times[wantLimited(t, e.do(t, "GET", "/limited", ""))]++
	}
	for _, after := range []string{"1", "2", "3", "4"} {
		if got := times[after]; got < 60 || got > 140 {
			t.Errorf("%d of 400 come back after %s s, want a quarter", got, after)
		}
	}
	wantHeader(t, e.do(t, "GET", "/nothing", ""), "RateLimit", "")
}

// The pages of one address that wait, its joins and its purchases have a limit each.
func TestWaitingAndJoiningHaveLimitsOfTheirOwn(t *testing.T) {
	t.Parallel()
	n := startNode(t, shows(keptStale))
	e := start(t, site{Upstream: servers(n), Listen: behindBalancer})
	const address = "X-From: 192.0.2.1"
	if refused, _ := e.rushFor(t, 1500, "GET", "/v1/sales/demo", address); refused != 0 {
		t.Errorf("got %d of 1500 pages that wait refused, want none", refused)
	}
	began := time.Now()
	before := n.Requests.Load()
	refused, a := e.rushFor(t, 1000, "POST", "/v1/sales/demo/line", address)
	wantLimited(t, a)
	// A burst of 200, and 20 a second.
	if through, most := 1000-refused, 201+int(20*time.Since(began).Seconds()); through < 200 || through > most {
		t.Errorf("%d of 1000 joins were let through, want 200 to %d", through, most)
	}
	if got := int(n.Requests.Load() - before); got != 1000-refused {
		t.Errorf("%d joins reached the node, want the %d that were let through", got, 1000-refused)
	}
	for _, path := range []string{"/v1/sales/demo", "/v1/sales/demo/line/challenge", "/v1/sales/demo/orders/mine"} {
		if refused, _ := e.rushFor(t, 10, "GET", path, address); refused != 0 {
			t.Errorf("%s: got %d of 10 refused because of joins, want none", path, refused)
		}
	}
	if refused, _ := e.rushFor(t, 10, "POST", "/v1/sales/demo/line", "X-From: 192.0.2.2"); refused != 0 {
		t.Errorf("got %d of 10 joins of another address refused, want none", refused)
	}
}

// With a rate that the test can exceed.
func TestWaitingPagesAreLimited(t *testing.T) {
	t.Parallel()
	e := &edge{Addr: freeAddr(t), Prefix: lay(t), client: &http.Client{Timeout: 15 * time.Second}}
	for name, text := range map[string]string{
		"listen.conf": "listen " + e.Addr + "; " + behindBalancer, "upstream.conf": servers(startNode(t, shows(keptStale))),
		"limits-line.conf": `limit_req_zone $limit_key zone=onsale_document:1m rate=1r/s; limit_req_zone $limit_key zone=onsale_join:1m rate=1r/s;`,
	} {
		write(t, filepath.Join(e.Prefix, "site", name), text)
	}
	e.run(t, nil)
	refused, a := e.rushFor(t, 2500, "GET", "/v1/sales/demo", "X-From: 192.0.2.1")
	if refused < 300 || refused > 500 {
		t.Errorf("got %d of 2500 refused, want those after a burst of 2000", refused)
	}
	wantLimited(t, a)
}

func TestOneAddressIsLimited(t *testing.T) {
	t.Parallel()
	n := startNode(t, sells)
	e := start(t, site{Upstream: servers(n), Listen: behindBalancer})
	// The burst is 500; at 100 a second it refills slower than this loop runs, so the
	// refusals must begin some time after it.
	refused, a := e.rush(t, 3000, "X-From: 192.0.2.1")
	if refused == 0 || refused >= 2500 {
		t.Fatalf("got %d of 3000 refused, want some, after a burst of 500", refused)
	}
	wantLimited(t, a)
	if got := int(n.Requests.Load()); got != 3000-refused {
		t.Errorf("the node got %d requests, want the %d that were let through", got, 3000-refused)
	}
	t.Run("others are not", func(t *testing.T) {
		if refused, _ := e.rush(t, 10, "X-From: 192.0.2.2"); refused != 0 {
			t.Errorf("got %d refused, want none", refused)
		}
	})
	t.Run("loopback is not", func(t *testing.T) {
		if refused, _ := e.rush(t, 1000); refused != 0 {
			t.Errorf("got %d refused, want none", refused)
		}
	})
}

func TestAPaymentProviderHasALimitOfItsOwn(t *testing.T) {
	t.Parallel()
	n := startNode(t, sells)
	e := start(t, site{Upstream: servers(n), Listen: behindBalancer})
	for i := range 1500 {
		if a := e.do(t, "POST", "/v1/payments/webhook", "{}", "X-From: 192.0.2.9"); a.StatusCode == http.StatusTooManyRequests {
			t.Fatalf("got refused after %d, want 1500 let through: buyers' 500 are not for providers", i)
		}
	}
	if got := int(n.Requests.Load()); got != 1500 {
		t.Errorf("the node got %d requests, want 1500", got)
	}
	if refused, _ := e.rush(t, 10, "X-From: 192.0.2.9"); refused != 0 {
		t.Errorf("got %d of 10 buyers' requests refused, want none: the limits are apart", refused)
	}
}

func TestAnIPv6NetworkCountsAsOneAddress(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: servers(startNode(t, sells)), Listen: behindBalancer})
	if refused, _ := e.rush(t, 3000, "X-From: 2001:db8::1"); refused == 0 {
		t.Fatal("got none refused, want some")
	}
	if refused, _ := e.rush(t, 50, "X-From: 2001:db8::ffff:2"); refused == 0 {
		t.Error("a neighbour in the same /64 was not refused, want the limit shared")
	}
	if refused, _ := e.rush(t, 50, "X-From: 2001:db8:0:1::1"); refused != 0 {
		t.Error("a neighbour in the next /64 was refused, want a limit of its own")
	}
}

// `listen [::]:8080 ipv6only=off` gives IPv4 buyers addresses of one /64.
func TestIPv4BuyersOfAnIPv6SocketAreLimitedOneByOne(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: servers(startNode(t, sells)), Listen: behindBalancer})
	for name, c := range map[string]struct{ greedy, itself, others string }{
		"mapped":     {"::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"},
		"translated": {"64:ff9b::192.0.2.5", "64:ff9b::c000:205", "64:ff9b::192.0.2.6"},
	} {
		t.Run(name, func(t *testing.T) {
			if refused, _ := e.rush(t, 3000, "X-From: "+c.greedy); refused == 0 {
				t.Fatal("got none of 3000 refused, want some")
			}
			if refused, _ := e.rush(t, 50, "X-From: "+c.itself); refused == 0 {
				t.Errorf("%s was not refused, want it counted as %s", c.itself, c.greedy)
			}
			if refused, _ := e.rush(t, 50, "X-From: "+c.others); refused != 0 {
				t.Errorf("got %d of 50 of %s refused, want a limit of its own", refused, c.others)
			}
		})
	}
}

func TestIPv4LoopbackOfAnIPv6SocketIsNotLimited(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: servers(startNode(t, sells)), Listen: behindBalancer})
	if refused, _ := e.rush(t, 1000, "X-From: ::ffff:127.0.0.1"); refused != 0 {
		t.Errorf("got %d of 1000 refused, want none", refused)
	}
}
