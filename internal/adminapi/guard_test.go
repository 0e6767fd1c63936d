package adminapi_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
)

// routes are all there are.
var routes = []struct{ method, path string }{
	{"POST", "/admin/v1/sales"}, {"GET", "/admin/v1/sales"}, {"GET", "/admin/v1/sales/s"}, {"POST", "/admin/v1/sales/s/close"},
	{"POST", "/admin/v1/sales/s/reopen"}, {"POST", "/admin/v1/sales/s/restock"}, {"GET", "/admin/v1/nodes"},
	{"GET", "/admin/v1/sales/s/orders/" + string(anOrder)}, {"POST", "/admin/v1/sales/s/orders/" + string(anOrder) + "/refund"},
	{"GET", "/admin/v1/sales/s/refunds"}, {"POST", "/admin/v1/sales/s/refunds/pay_1"},
	{"GET", "/admin/v1/orphans"}, {"POST", "/admin/v1/orphans/pay_1"},
}

func TestNothingIsDoneWithoutTheToken(t *testing.T) {
	s := with(rush("s"))
	server := serve(t, s, nil)
	for _, authorization := range []string{
		"", token, "Bearer", "Bearer ", "Bearer x", "Bearer " + token + "x", "Bearer " + token[1:], "Bearer " + strings.ToUpper(token),
		"Bearer  " + token, "Basic " + token, "Bearer" + token, "Bearer " + strings.Repeat("x", 10_000),
	} {
		for _, r := range append(routes, struct{ method, path string }{"GET", "/admin/v1/x"}, struct{ method, path string }{"PUT", "/admin/v1/sales"}) {
			a := ask(t, server, r.method, r.path, `{"id":"s","title":"t","currency":"EUR","total":1}`, "Authorization", authorization)
			wantProblem(t, a, http.StatusUnauthorized, "unauthorized")
			if got := a.Header.Get("WWW-Authenticate"); got != `Bearer realm="onsale-admin"` {
				t.Errorf("got WWW-Authenticate %q", got)
			}
			if strings.Contains(a.text, token) {
				t.Errorf("got the token in %q", a.text)
			}
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("got calls %q, want none", s.calls)
	}
	if a := ask(t, server, "GET", "/admin/v1/sales", "", "Authorization", "bearer "+token); a.StatusCode != http.StatusOK {
		t.Errorf("got %s with the scheme in small letters, want 200", a.Status)
	}
}

func TestAShortTokenIsRefused(t *testing.T) {
	for text, good := range map[string]bool{"": false, strings.Repeat("x", 15): false, strings.Repeat("x", 16): true} {
		if _, err := adminapi.New(&stock{}, nil, nil, adminapi.Tokens{text}, zap.NewNop()); (err == nil) != good {
			t.Errorf("%d bytes: got %v, want it accepted: %v", len(text), err, good)
		}
	}
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	s := &stock{}
	server := serve(t, s, nil)
	for _, path := range []string{
		"/admin/v1/", "/admin/v1/x", "/admin/v1/sales/", "/admin/v1/sales/s/", "/admin/v1/sales/s/x", "/admin/v1/sales/s/close/x", "/admin/v1/nodes/n1",
		"/admin/v1/sales/s/orders", "/admin/v1/sales/s/orders/", "/admin/v1/sales/s/orders/x/y", "/admin/v1/sales/s/orders/x/refund/y",
		"/admin/v1/sales/s/refunds/", "/admin/v1/sales/s/refunds/x/y", "/admin/v1/sales/s/payments",
		"/admin/v1/orphans/", "/admin/v1/orphans/x/y",
	} {
		wantProblem(t, ask(t, server, "GET", path, ""), http.StatusNotFound, "not-found")
	}
	for path, allow := range map[string]string{
		"/admin/v1/sales": "GET, POST", "/admin/v1/sales/s": "GET, PATCH", "/admin/v1/sales/s/close": "POST", "/admin/v1/nodes": "GET",
		"/admin/v1/sales/s/orders/x": "GET", "/admin/v1/sales/s/orders/x/refund": "POST",
		"/admin/v1/sales/s/refunds": "GET", "/admin/v1/sales/s/refunds/x": "POST",
		"/admin/v1/orphans": "GET", "/admin/v1/orphans/x": "POST",
	} {
		a := ask(t, server, "DELETE", path, "")
		wantProblem(t, a, http.StatusMethodNotAllowed, "method-not-allowed")
		if got := a.Header.Get("Allow"); got != allow {
			t.Errorf("%s: got Allow %q, want %q", path, got, allow)
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("got calls %q, want none", s.calls)
	}
}

func TestOddSaleIDsNeverReachRedis(t *testing.T) {
	s := &stock{}
	server := serve(t, s, nil)
	for _, id := range []string{"S", "-s", "a%7Db", "a%2Fb", "%7Bs%7D", "s%20", "s%00", "%C5%BF", strings.Repeat("s", 65)} {
		for _, r := range []struct{ method, path string }{{"GET", ""}, {"POST", "/close"}, {"POST", "/reopen"}, {"POST", "/restock"},
			{"GET", "/orders/x"}, {"POST", "/orders/x/refund"}, {"GET", "/refunds"}, {"POST", "/refunds/x"}} {
			a := ask(t, server, r.method, "/admin/v1/sales/"+id+r.path, `{"delta":1}`, "Idempotency-Key", "k")
			wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("got calls %q, want none", s.calls)
	}
}
