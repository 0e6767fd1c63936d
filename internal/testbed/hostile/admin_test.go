package hostile_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"onsale/internal/adminapi"
)

// admins are the admin ports of one program of each kind.
func (s *site) admins() []door {
	return []door{{"allocator", s.Allocators[0].Admin}, {"node", s.Nodes[0].Admin}, {"ledger", s.Ledgers[0].Admin}}
}

// guarded are calls of each admin port that operators alone may make.
func guarded(id string) []string {
	calls := []string{"PUT /admin/v1/log", "GET /debug/pprof/heap", "GET /debug/pprof/cmdline", "POST /debug/pprof/symbol"}
	for _, r := range adminapi.Routes() {
		calls = append(calls, strings.NewReplacer("{id}", id, "{order}", "x", "{payment}", "x", "{node}", "n001").Replace(r))
	}
	return calls
}

// Attack: operators' calls without their token, with a wrong or nearly right one, from a page of another site, and by paths that are
// meant to lead past the guard. Nothing is shown or changed.
func TestNoCallButTheOperatorsIsServed(t *testing.T) {
	id := target.open(t, 1000)
	token := target.AdminToken
	credentials := map[string]string{
		"none":                 "",
		"an empty one":         "Authorization: Bearer ",
		"a wrong one":          "Authorization: Bearer " + strings.Repeat("x", len(token)),
		"half of it":           "Authorization: Bearer " + token[:len(token)/2],
		"more than it":         "Authorization: Bearer " + token + "x",
		"it in lower case":     "Authorization: Bearer " + strings.ToLower(token),
		"it under Basic":       "Authorization: Basic " + token,
		"it in a cookie":       "Cookie: Authorization=Bearer " + token,
		"it in another header": "X-Admin-Token: " + token,
		"it behind another":    "Authorization: Bearer x, Bearer " + token,
		"a page of another site": "Origin: https://evil.example\r\nReferer: https://evil.example/\r\nSec-Fetch-Site: cross-site\r\n" +
			"Content-Type: text/plain",
		"a rebound name":        "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: localhost",
		"an override of method": "X-HTTP-Method-Override: GET",
	}
	for _, d := range target.admins() {
		for name, header := range credentials {
			for _, call := range guarded(id) {
				method, path, _ := strings.Cut(call, " ")
				lines := strings.Split(header, "\r\n")
				if header == "" {
					lines = nil
				}
				a := askAdmin(t, d.addr, request(method, path, `{"closed":true,"total":1,"delta":-1,"level":"debug"}`, lines...))
				if a.status != http.StatusUnauthorized && a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
					t.Errorf("%s, %s with %s: got %v %.80q, want 401", d.name, call, name, a, a.body)
				}
				if a.header.Get("Access-Control-Allow-Origin") != "" {
					t.Errorf("%s, %s: got %v, want no page of another site to read it", d.name, call, a.header)
				}
			}
		}
		for _, path := range []string{
			"/livez/../admin/v1/sales", "/metrics/../debug/pprof/heap", "//admin/v1/sales", "/./admin/v1/sales", "/admin/v1/../v1/sales", "/livez/%2e%2e/admin/v1/sales", "/metrics%2f..%2fadmin/v1/sales",
			"/admin/v1/sales/%2e%2e/%2e%2e/etc/passwd", "/../../../../etc/passwd", "/debug/pprof/..%2f..%2f..%2fetc/passwd", "/admin%2fv1%2fsales", "/ADMIN/v1/sales", "/admin/v1/sales;x", "/admin/v1/sales%00",
			"/debug/pprof", "/debug/pprof/", "/debug/pprof/trace?seconds=60", "/debug/vars", "http://127.0.0.1/admin/v1/sales",
		} {
			a := askAdmin(t, d.addr, request("GET", path, ""))
			if a.status < 300 || strings.Contains(a.body, "root:") || strings.Contains(a.body, honest) {
				t.Errorf("%s, %s: got %v %.80q, want nothing shown", d.name, path, a, a.body)
			}
		}
		if a := askAdmin(t, d.addr, request("OPTIONS", "/admin/v1/sales", "", "Origin: https://evil.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: got %v, want no leave for another site's page", d.name, a.header)
		}
	}
	v, err := target.store.Survey(target.ctx, "testnocallbuttheoperatorsisserved")
	if err != nil || v.Sale.Closed || v.Sale.Total != 1000 {
		t.Errorf("got %+v, %v, want the sale as it was", v.Sale, err)
	}
}

// Attack: the operators' pages by way of the buyers' ports.
func TestBuyersPortsLeadToNoAdminPort(t *testing.T) {
	target.open(t, 1)
	for _, d := range target.doors() {
		for _, path := range []string{
			"/admin/v1/sales", "/v1/../admin/v1/sales", "/v1/%2e%2e/admin/v1/sales", "/v1/..;/admin/v1/sales", "/v1/..%2fadmin/v1/sales", "//admin/v1/sales", "/v1//admin/v1/sales", "/metrics", "/v1/metrics", "/livez", "/readyz",
			"/debug/pprof/heap", "/v1/../debug/pprof/heap", "/nginx_status", "/server-status", "/.git/config", "/site/upstream.conf", "/../site/peers", "/v1/%2e%2e/%2e%2e/nginx.conf", "/cache/", "/problem", "/web/../nginx.conf",
		} {
			a := ask(t, d.addr, request("GET", path, "", "Authorization: Bearer "+target.AdminToken))
			if a.status != http.StatusNotFound && a.status != http.StatusBadRequest || strings.Contains(a.body, "server ") {
				t.Errorf("%s, %s: got %v %.80q, want no such path", d.name, path, a, a.body)
			}
		}
	}
}

// Attack, by an operator or who has his token: pages, bodies and values that are far too large, or no values. They are refused, and cost little.
func TestHugeAdminRequestsAreRefused(t *testing.T) {
	id := target.open(t, 1000)
	bearer, addr := "Authorization: Bearer "+target.AdminToken, target.Allocators[0].Admin
	for name, text := range map[string]string{
		"a page of a million":      request("GET", "/admin/v1/sales?limit=1000000", "", bearer),
		"a page of minus one":      request("GET", "/admin/v1/sales?limit=-1", "", bearer),
		"a page past 64 bits":      request("GET", "/admin/v1/sales?limit=99999999999999999999", "", bearer),
		"a cursor that is none":    request("GET", "/admin/v1/sales?cursor=%00%0d%0a", "", bearer),
		"an unknown state":         request("GET", "/admin/v1/sales/"+id+"/refunds?state=*", "", bearer),
		"a body of 70 KB":          request("POST", "/admin/v1/sales", `{"id":"`+strings.Repeat("a", 70<<10)+`"}`, bearer),
		"a body nested deep":       request("POST", "/admin/v1/sales", strings.Repeat("[", 20_000), bearer),
		"a title of 40 KB":         request("PATCH", "/admin/v1/sales/"+id, `{"title":"`+strings.Repeat("a", 40<<10)+`"}`, bearer),
		"a total past 64 bits":     request("POST", "/admin/v1/sales", `{"id":"huge","title":"x","currency":"EUR","price":1,"total":9223372036854775808}`, bearer),
		"a restock past all":       request("POST", "/admin/v1/sales/"+id+"/restock", `{"delta":9223372036854775807}`, bearer, "Idempotency-Key: a"),
		"a restock below none":     request("POST", "/admin/v1/sales/"+id+"/restock", `{"delta":-9223372036854775808}`, bearer, "Idempotency-Key: b"),
		"a price of a negative":    request("PATCH", "/admin/v1/sales/"+id, `{"price":-1}`, bearer),
		"hold seconds without end": request("PATCH", "/admin/v1/sales/"+id, `{"hold_seconds":1e308}`, bearer),
		"a weight of a billion":    request("POST", "/admin/v1/nodes/n001/weight", `{"weight":1000000000}`, bearer),
		"a sale that is a path":    request("POST", "/admin/v1/sales", `{"id":"../x","title":"x","currency":"EUR","price":1,"total":1}`, bearer),
		"a sale that is a key":     request("POST", "/admin/v1/sales", `{"id":"x}:y","title":"x","currency":"EUR","price":1,"total":1}`, bearer),
		"a member twice":           request("PATCH", "/admin/v1/sales/"+id, `{"price":1,"nothing":2}`, bearer),
	} {
		if a := askAdmin(t, addr, text); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: got %v %.200s, want it refused", name, a, a.body)
		}
	}
	for _, size := range []int{100_000, 5_000_000} {
		got := send(t, addr, "GET /admin/v1/sales HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", size)+"\r\n\r\n")
		for _, a := range got {
			if a.status < 400 {
				t.Errorf("a header of %d bytes: got %v, want it refused", size, a)
			}
		}
	}
	var flood strings.Builder
	for i := range 300 {
		flood.WriteString(request("GET", "/admin/v1/sales", "", fmt.Sprintf("Authorization: Bearer guess-%d", i)))
	}
	for i, a := range send(t, addr, flood.String()) {
		if a.status != http.StatusUnauthorized {
			t.Errorf("guess %d: got %v, want 401", i, a)
		}
	}
	if a := askAdmin(t, addr, request("GET", "/admin/v1/sales/"+id, "", bearer)); a.status != http.StatusOK || !strings.Contains(a.body, `"total": 1000`) {
		t.Errorf("got %v %.200s, want the sale as it was", a, a.body)
	}
}
