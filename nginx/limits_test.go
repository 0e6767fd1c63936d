package nginx_test

import (
	"net/http"
	"testing"
)

// behindBalancer makes Nginx believe the address that the test claims in X-From, so
// that the shipped limits apply although the test is on loopback.
const behindBalancer = "set_real_ip_from 127.0.0.1; real_ip_header X-From;"

// rush sends n requests and returns how many were refused, and the last refusal.
func (e *edge) rush(t *testing.T, n int, headers ...string) (refused int, last answer) {
	t.Helper()
	for range n {
		a := e.do(t, "GET", "/v1/sales/demo", "", headers...)
		if a.StatusCode == http.StatusTooManyRequests {
			refused, last = refused+1, a
		}
	}
	return refused, last
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
	wantProblem(t, a, http.StatusTooManyRequests, "rate-limited", "1")
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
