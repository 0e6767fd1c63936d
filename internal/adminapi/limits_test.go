package adminapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/ratelimit"
	"onsale/internal/sale"
)

const limitsPath = "/admin/v1/limits"

// serveLimits serves a limiter, as a node's admin port does.
func serveLimits(t *testing.T, token string, l *ratelimit.Limiter) (*httptest.Server, *observer.ObservedLogs) {
	t.Helper()
	core, logged := observer.New(zap.InfoLevel)
	mux := http.NewServeMux()
	if err := adminapi.RegisterLimits(mux, tokens(token), l, zap.New(core)); err != nil {
		t.Fatal(err)
	}
	return serveMux(t, mux), logged
}

func newLimiter(t *testing.T) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New(ratelimit.Limits{Buyer: ratelimit.Rate{PerSecond: 50, Burst: 250}, Node: ratelimit.Rate{Burst: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLimitsAreChangedWhileTheNodeRuns(t *testing.T) {
	l := newLimiter(t)
	server, logged := serveLimits(t, token, l)
	c := client.Client{Addr: server.Listener.Addr().String(), Token: token}
	want := adminapi.Limits{BuyerRate: 50, BuyerBurst: 250, NodeBurst: 1000}
	if got, err := c.Limits(t.Context()); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	want = adminapi.Limits{BuyerRate: 0.001, BuyerBurst: 1, NodeBurst: 1000}
	if got, err := c.ChangeLimits(t.Context(), json.RawMessage(`{"buyer_rate":0.001,"buyer_burst":1}`)); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	var policies []ratelimit.Policy
	for range 2 {
		policies = append(policies, l.Take(sale.Buyer("alice"), false).Policy)
	}
	if policies[0] != ratelimit.None || policies[1] != ratelimit.PerBuyer {
		t.Errorf("got %v, want one request that passes, and one that does not", policies)
	}
	if logged.FilterMessage("limits changed").Len() != 1 {
		t.Errorf("got %v, want one line", logged.All())
	}
}

func TestLimitsAreGuarded(t *testing.T) {
	l := newLimiter(t)
	before := l.Limits()
	server, _ := serveLimits(t, token, l)
	const change = `{"buyer_rate":1}`
	for _, authorization := range []string{"", "Bearer x", "Basic " + token} {
		wantProblem(t, ask(t, server, "PATCH", limitsPath, change, "Authorization", authorization), http.StatusUnauthorized, "unauthorized")
		wantProblem(t, ask(t, server, "GET", limitsPath, "", "Authorization", authorization), http.StatusUnauthorized, "unauthorized")
	}
	a := ask(t, server, "PUT", limitsPath, change)
	if wantProblem(t, a, http.StatusMethodNotAllowed, "method-not-allowed"); a.Header.Get("Allow") != "GET, PATCH" {
		t.Errorf("got Allow %q, want GET, PATCH", a.Header.Get("Allow"))
	}
	for _, body := range []string{
		"", "5", "{}", `{"rate":5}`, `{"buyer_rate":"5"}`, `{"buyer_rate":null}`, `{"buyer_rate":-1}`, `{"buyer_rate":1e9}`, `{"buyer_burst":0}`,
		`{"buyer_burst":1.5}`, `{"node_rate":5,"node_burst":0}`,
	} {
		wantProblem(t, ask(t, server, "PATCH", limitsPath, body), http.StatusUnprocessableEntity, "invalid-request")
	}
	silent, _ := serveLimits(t, "", l)
	wantProblem(t, ask(t, silent, "PATCH", limitsPath, change), http.StatusForbidden, "no-admin-token")
	if l.Limits() != before {
		t.Errorf("got %+v, want the limits unchanged", l.Limits())
	}
}
