package nginx_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestJoiningGoesThroughToANode: each time, as no two buyers have the same answer.
func TestJoiningGoesThroughToANode(t *testing.T) {
	t.Parallel()
	n := startNode(t, sells)
	e := start(t, site{Upstream: servers(n)})
	for range 50 {
		wantStatus(t, e.do(t, "POST", "/v1/sales/demo/line", "", "Onsale-Place: x"), http.StatusCreated)
	}
	if got := n.Requests.Load(); got != 50 {
		t.Errorf("the node got %d requests, want 50", got)
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
