package buyerapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// Every address has one spelling: where Nginx and a node could read a path
// differently, one would limit or cache what the other sells.
func TestEveryAddressHasOneSpelling(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	for _, target := range []string{
		"/", "/v1", "/v1/", "/v1/sales", "/v2/sales/s/orders", "/V1/sales/s/orders", "/v1/Sales/s/orders",
		"//v1/sales/s/orders", "/v1//sales/s/orders", "/v1/./sales/s/orders", "/x/../v1/sales/s/orders",
		"/v1/sales/s/", "/v1/sales/s//orders", "/v1/sales/s/orders/", "/v1/sales/s/orders//mine", "/v1/sales/s/Orders",
		"/v1/sales/s/orders/mine/", "/v1/sales/s/orders/mine/x", "/v1/sales/s/orders/../orders",
		"/v1/sales%2fs/orders", "/v1/%73ales/s/orders", "/v1/sales/s%2Forders", "/v1/sales/s/%6frders",
		"/v1/sales/s/orders%2fmine", "/v1/sales/s/orders;x=1", "/v1/sales/s/orders%00", "/v1/sales/s/orders%3fx",
		"/v1/sales/s/..;/s/orders", `/v1\sales\s\orders`, "/http://onsale/v1/sales/s/orders",
		"/" + strings.Repeat("a", 6000),
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			got := a.ask(t, method, target, "", bearer(token(t, "alice")))
			if code := got.document(t)["code"]; code != "not-found" && code != "sale-unknown" {
				t.Errorf("%s %.80s: got %s %s, want it unknown", method, target, got.Status, got.body)
			}
		}
	}
}

func TestAnUnknownSaleIsUnknown(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	for _, id := range []string{
		"", "t", "S", "s ", "%73", "-s", "s.", ".", "..", "s%00", "ſ", "onsale:sales", "{s}", strings.Repeat("s", sale.MaxIDLength+1),
		strings.Repeat("s", 6000),
	} {
		for _, rest := range []string{"", "/orders", "/orders/mine"} {
			target := "/v1/sales/" + strings.ReplaceAll(id, " ", "%20") + rest
			got := a.ask(t, "POST", target, `{"quantity":1}`, bearer(token(t, "alice")))
			wantProblem(t, got, buyerapi.SaleUnknown)
		}
	}
}

func TestAQueryChangesNothing(t *testing.T) {
	t.Parallel()
	a := (&site{}).serve(t)
	for i, query := range []string{"?", "?quantity=4", "?/v1/sales/t/orders", "??", "#x"} {
		got := a.ask(t, "POST", "/v1/sales/s/orders"+query, `{"quantity":1}`, bearer(token(t, fmt.Sprint("buyer", i))))
		if got.StatusCode != http.StatusCreated {
			t.Errorf("%s: got %s %s, want 201", query, got.Status, got.body)
		}
	}
}

// RFC 9112 has every server take the form that is meant for proxies.
func TestAnAbsoluteAddressIsTheSame(t *testing.T) {
	t.Parallel()
	got := (&site{}).serve(t).ask(t, "GET", "http://onsale/v1/sales/s", "")
	if got.StatusCode != http.StatusOK {
		t.Errorf("got %s %s, want 200", got.Status, got.body)
	}
}

func TestAWrongMethodGetsTheAllowedOnes(t *testing.T) {
	t.Parallel()
	a := keeping(sale.StateHeld).serve(t)
	for target, allow := range map[string]string{
		"/v1/sales/s":             "GET, HEAD",
		"/v1/sales/s/orders":      "POST",
		"/v1/sales/s/orders/mine": "GET, HEAD",
		theOrder:                  "GET, HEAD, DELETE",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "BREW"} {
			got := a.ask(t, method, target, "", bearer(token(t, "alice")))
			if strings.Contains(allow, method) {
				if got.StatusCode == http.StatusMethodNotAllowed {
					t.Errorf("%s %s: got %s, want it allowed", method, target, got.Status)
				}
				continue
			}
			wantProblem(t, got, buyerapi.MethodNotAllowed)
			wantHeader(t, got, "Allow", allow)
		}
	}
}

func TestHeadIsGetWithoutTheBody(t *testing.T) {
	t.Parallel()
	a := keeping(sale.StateHeld).serve(t)
	for _, target := range []string{"/v1/sales/s", theOrder, "/v1/sales/s/orders/mine", "/v1/sales/t", "/"} {
		c := a.dial(t)
		head := c.send(t, "HEAD", raw("HEAD", target, "", bearer(token(t, "alice"))))
		// On the same connection: a body would be taken for the next answer.
		get := c.send(t, "GET", raw("GET", target, "", bearer(token(t, "alice"))))
		if head.StatusCode != get.StatusCode || len(head.body) != 0 {
			t.Errorf("%s: got %s and %d bytes, want %s and none", target, head.Status, len(head.body), get.Status)
		}
		// The sale's server time may be a digit shorter.
		ignore := func(h http.Header) http.Header { h = h.Clone(); h.Del("Date"); h.Del("Content-Length"); return h }
		if diff := cmp.Diff(ignore(get.Header), ignore(head.Header)); diff != "" {
			t.Errorf("%s: header (-GET +HEAD):\n%s", target, diff)
		}
	}
}
