package nginx_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestJoiningGoesThroughToANode: each time, as no two buyers have the same answer, and within the
// limit of an address.
func TestJoiningGoesThroughToANode(t *testing.T) {
	t.Parallel()
	n := startNode(t, sells)
	e := start(t, site{Upstream: servers(n), Listen: behindBalancer})
	refused := 0
	for range 3000 {
		a := e.do(t, "POST", "/v1/sales/demo/line", "", "X-From: 192.0.2.1", "Onsale-Place: x")
		if a.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused == 0 || refused >= 2500 {
		t.Errorf("got %d of 3000 refused, want some, after a burst of 500", refused)
	}
	if got := int(n.Requests.Load()); got != 3000-refused {
		t.Errorf("the node got %d requests, want the %d that were let through", got, 3000-refused)
	}
}

func TestAJoinThatMayHaveReachedANodeMayBeSentAgain(t *testing.T) {
	t.Parallel()
	e := start(t, site{Upstream: "server 127.0.0.1:9;"})
	a := e.do(t, "POST", "/v1/sales/demo/line", "")
	wantProblem(t, a, http.StatusBadGateway, "node-unreachable", "1")
	if want := "join again after Retry-After"; !strings.Contains(a.Text, want) {
		t.Errorf("got %s, want %q", a.Text, want)
	}
}
