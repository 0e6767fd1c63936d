package strategy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/problem"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

func TestAnswers(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("it \"broke\": %w", err) }
	for _, c := range []struct {
		outcome Outcome
		err     error
		status  int
		code    string
		detail  string
	}{
		{Sold, nil, 201, "", ""},
		{Replayed, nil, 200, "", ""},
		{SoldOut, nil, 409, "sold-out", ""},
		{Conflict, nil, 503, "busy", ""},
		{NoOutcome, nil, 503, "outcome-unknown", "the strategy answered none"},
		{NoOutcome, wrapped(sale.ErrUnavailable), 503, "store-unavailable", `it "broke": the stock store is unavailable`},
		{NoOutcome, wrapped(sale.ErrUnknown), 503, "outcome-unknown", `it "broke": the outcome is unknown`},
		{NoOutcome, wrapped(errors.New("a fault")), 503, "outcome-unknown", `it "broke": a fault`},
		{NoOutcome, wrapped(sale.ErrNoSale), 404, "sale-unknown", `it "broke": no such sale`},
		{SoldOut, wrapped(sale.ErrUnavailable), 503, "store-unavailable", `it "broke": the stock store is unavailable`},
	} {
		t.Run(fmt.Sprintf("%v %v is %d %s", c.outcome, c.err, c.status, c.code), func(t *testing.T) {
			var asked []string
			x := serve(t, fake{buy: func(_ context.Context, name, buyer string) (Outcome, string, error) {
				asked = append(asked, name+" "+buyer)
				return c.outcome, "the-order", c.err
			}})
			a, err := x.order(t.Context(), "sale-a", "Ada")
			if err != nil || a.unreadable != nil {
				t.Fatalf("got %v, %v", err, a.unreadable)
			}
			if diff := cmp.Diff([]string{"sale-a Ada"}, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if a.status != c.status || a.Code != c.code || !a.fixedSize {
				t.Errorf("got %d %q, of known size: %v, want %d %q", a.status, a.Code, a.fixedSize, c.status, c.code)
			}
			if got := a.header.Get("X-Accel-Expires"); got != "" {
				t.Errorf("got X-Accel-Expires %q: Nginx must not answer for a strategy", got)
			}
			if c.code == "" {
				wantOrder(t, a, c.outcome)
			} else {
				wantProblem(t, a, c.detail)
			}
		})
	}
}

func wantOrder(t *testing.T, a answer, o Outcome) {
	t.Helper()
	if a.ID != "the-order" || a.Sale != "sale-a" || a.State != "held" || a.Quantity != 1 {
		t.Errorf("got %+v, want the order of one ticket, held", a)
	}
	if got := a.header.Get("Idempotent-Replayed") == "true"; got != (o == Replayed) {
		t.Errorf("got replayed %v, want %v", got, o == Replayed)
	}
}

// wantProblem compares the detail, or with none asks for the one of the table.
func wantProblem(t *testing.T, a answer, detail string) {
	t.Helper()
	if a.header.Get("Content-Type") != "application/problem+json" || a.Type != problem.TypeBase+a.Code || a.Status != a.status || a.ID != "" {
		t.Errorf("got %+v, want a problem document", a)
	}
	if detail == "" && a.Detail == "" || detail != "" && a.Detail != detail {
		t.Errorf("got the detail %q, want %q", a.Detail, detail)
	}
	if got := a.header.Get("Retry-After"); (got != "") != (a.status == 503) {
		t.Errorf("got Retry-After %q with status %d", got, a.status)
	}
}

func TestRefusalsThatAskNoStore(t *testing.T) {
	x := serve(t, fake{})
	bearer := func(i *testbed.Issuer, life time.Duration) string {
		token, err := i.Token("Ada", life)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	good := bearer(x.issuer, time.Hour)
	const path = "/v1/sales/s/orders"
	for _, c := range []struct {
		what, method, path, token, body, code string
	}{
		{"no token", "POST", path, "", one, "unauthorized"},
		{"another scheme", "POST", path, "Basic " + good[7:], one, "unauthorized"},
		{"a stranger's signature", "POST", path, bearer(testbed.NewIssuer(), time.Hour), one, "unauthorized"},
		{"an expired token", "POST", path, bearer(x.issuer, -time.Second), one, "unauthorized"},
		{"no body", "POST", path, good, "", "invalid-request"},
		{"two tickets", "POST", path, good, `{"quantity":2}`, "invalid-request"},
		{"no ticket", "POST", path, good, `{"quantity":0}`, "invalid-request"},
		{"something else", "POST", path, good, `{"tickets":1}`, "invalid-request"},
		{"something more", "POST", path, good, `{"quantity":1,"buyer":"Eve"}`, "invalid-request"},
		{"a list", "POST", path, good, `[1]`, "invalid-request"},
		{"a long body", "POST", path, good, one + strings.Repeat(" ", maxOrder), "invalid-request"},
		{"another method", "GET", path, good, "", "method-not-allowed"},
		{"another path of the sale", "POST", path + "/mine", good, one, "not-found"},
		{"the sale itself", "GET", "/v1/sales/s", "", "", "not-found"},
		{"another path", "GET", "/", "", "", "not-found"},
		{"another path of the bench", "GET", "/bench/", "", "", "not-found"},
		{"reading where one writes", "GET", openPath, "", "", "not-found"},
		{"writing where one reads", "POST", ordersPath, "", "", "not-found"},
	} {
		t.Run(c.what, func(t *testing.T) {
			a, err := x.send(t.Context(), c.method, c.path, c.token, c.body)
			if err != nil || a.Code != c.code || a.Status != a.status {
				t.Errorf("got %+v, %v, want %s", a, err, c.code)
			}
			if got := a.header.Get("WWW-Authenticate"); (got != "") != (c.code == "unauthorized") {
				t.Errorf("got WWW-Authenticate %q with %s", got, c.code)
			}
		})
	}
}
