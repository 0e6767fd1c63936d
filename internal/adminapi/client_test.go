package adminapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/adminapi"
	"onsale/internal/adminapi/client"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// clientOf is a client of the API on a stock.
func clientOf(t *testing.T, s *stock) client.Client {
	t.Helper()
	server := serve(t, s, sale.View{{Name: "n1", Address: "10.0.0.4:8081", Weight: 3, Ready: true}})
	return client.Client{Addr: server.Listener.Addr().String(), Token: token, HTTP: server.Client()}
}

// all is a list to its end.
func all[T any](t *testing.T, list iter.Seq2[T, error]) (entries []T) {
	t.Helper()
	for entry, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

func TestTheClientOpensAndChangesSales(t *testing.T) {
	ctx, s := t.Context(), with()
	c := clientOf(t, s)
	definition := json.RawMessage(`{"id":"s","title":"T","currency":"EUR","price":4200,"total":5}`)
	for _, first := range []bool{true, false} {
		got, created, err := c.CreateSale(ctx, definition)
		if err != nil || created != first || got.ID != "s" || got.Limit != 1 || got.HoldSeconds != 600 || !got.Recorded {
			t.Errorf("got %+v, created %v, %v, want created %v, with the API's defaults", got, created, err, first)
		}
	}
	steps := []struct {
		name string
		call func() (adminapi.Status, error)
		want func(adminapi.Status) bool
	}{
		{"change", func() (adminapi.Status, error) {
			return c.ChangeSale(ctx, "s", json.RawMessage(`{"title":"Postponed"}`))
		}, func(s adminapi.Status) bool { return s.Title == "Postponed" }},
		{"close", func() (adminapi.Status, error) { return c.CloseSale(ctx, "s") }, func(s adminapi.Status) bool { return s.Closed }},
		{"reopen", func() (adminapi.Status, error) { return c.ReopenSale(ctx, "s") }, func(s adminapi.Status) bool { return !s.Closed }},
		{"restock", func() (adminapi.Status, error) { return c.Restock(ctx, "s", -2, "k") }, func(s adminapi.Status) bool { return s.Total == 3 }},
		{"restock again", func() (adminapi.Status, error) { return c.Restock(ctx, "s", -2, "k") }, func(s adminapi.Status) bool { return s.Total == 3 }},
		{"show", func() (adminapi.Status, error) { return c.Sale(ctx, "s") }, func(s adminapi.Status) bool { return s.Remaining == 3 && len(s.Plan) == 2 }},
	}
	for _, step := range steps {
		if got, err := step.call(); err != nil || !step.want(got) {
			t.Errorf("%s: got %+v, %v", step.name, got, err)
		}
	}
	nodes, err := c.Nodes(ctx)
	if diff := cmp.Diff([]adminapi.Node{{Name: "n1", Address: "10.0.0.4:8081", Weight: 3, Ready: true}}, nodes.Nodes); err != nil || diff != "" {
		t.Errorf("nodes: got %v (-want +got):\n%s", err, diff)
	}
}

func TestTheClientFollowsListsFromPageToPage(t *testing.T) {
	ctx, s := t.Context(), with(many(250))
	for i := range 203 {
		id := sale.ID(fmt.Sprintf("x%03d", i))
		s.sales[id] = open(concert(id))
	}
	for _, p := range s.sales["s"].Payments(sale.PaymentDue) {
		s.orphans = append(s.orphans, sale.Orphan{Sale: "gone", Payment: p})
	}
	c := clientOf(t, s)
	if got := all(t, c.Sales(ctx, 0)); len(got) != 204 || got[0].ID != "s" || got[203].ID != "x202" {
		t.Errorf("got %d sales, want 204 by id", len(got))
	}
	for _, limit := range []int{1, 100, 101, 250, 999} {
		refunds, orphans := all(t, c.Refunds(ctx, "s", "", limit)), all(t, c.Orphans(ctx, sale.PaymentDue, limit))
		if want := min(limit, 250); len(refunds) != want || len(orphans) != want || orphans[0].Sale != "gone" || refunds[want-1].ID != fmt.Sprintf("pay/%04d", want-1) {
			t.Errorf("limit %d: got %d refunds and %d orphans, want %d", limit, len(refunds), len(orphans), want)
		}
	}
	if got := all(t, c.Refunds(ctx, "s", sale.PaymentSettled, 0)); len(got) != 0 {
		t.Errorf("got %d settled, want none", len(got))
	}
	if o, err := c.Order(ctx, "s", anOrder); err != nil || len(o.Payments) != 250 || o.Next != "" {
		t.Errorf("got an order with %d payments and next %q, %v, want all 250", len(o.Payments), o.Next, err)
	}
	t.Run("and no further than it is read", func(t *testing.T) {
		for range c.Sales(ctx, 0) {
			break
		}
	})
	t.Run("to an error", func(t *testing.T) {
		for _, err := range c.Refunds(ctx, "s", "lost", 0) {
			if err == nil || !strings.Contains(err.Error(), "invalid-request") {
				t.Errorf("got %v, want invalid-request", err)
			}
		}
	})
	t.Run("a sale that can't be read stands among the others", func(t *testing.T) {
		s.failing("survey x001", fmt.Errorf("read: %w", sale.ErrUnavailable))
		got := all(t, c.Sales(ctx, 3))
		if len(got) != 3 || got[2].ID != "x001" || got[2].Code != "store-unavailable" || got[2].Detail == "" || got[1].Code != "" {
			t.Fatalf("got %+v, want the third unreadable", got)
		}
		if text, err := json.Marshal(got[2]); err != nil || strings.Contains(string(text), "total") || !strings.Contains(string(text), `"code":"store-unavailable"`) {
			t.Errorf("got %s, %v, want the problem alone", text, err)
		}
		if text, err := json.Marshal(got[1]); err != nil || strings.Contains(string(text), "code") || !strings.Contains(string(text), `"remaining":100`) {
			t.Errorf("got %s, %v, want the status alone", text, err)
		}
	})
}

func TestTheClientRefundsAndSettles(t *testing.T) {
	ctx, s := t.Context(), with(rush("s"))
	for _, odd := range []sale.PaymentID{".", "..", "a/b?c#d%2F", "pay/9"} {
		s.orphans = append(s.orphans, orphan(odd, sale.PaymentDue))
	}
	c := clientOf(t, s)
	for range 2 { // once for each key
		o, err := c.RefundPart(ctx, "s", anOrder, 300, "re_1")
		if err != nil || o.State != "paid" {
			t.Errorf("got %+v, %v, want a paid order", o, err)
		}
	}
	if p, err := c.SettleRefund(ctx, "s", "pay/4"); err != nil || p.State != "settled" || p.ID != "pay/4" {
		t.Errorf("got %+v, %v, want pay/4 settled", p, err)
	}
	if o, err := c.RefundOrder(ctx, "s", anOrder); err != nil || o.State != "refunded" {
		t.Errorf("got %+v, %v, want it refunded", o, err)
	}
	for _, odd := range s.orphans {
		if p, err := c.SettleOrphan(ctx, odd.ID); err != nil || p.ID != string(odd.ID) || p.State != "settled" || p.Sale != "gone" {
			t.Errorf("%s: got %+v, %v, want it settled", odd.ID, p, err)
		}
	}
	for _, odd := range []sale.OrderID{"..", "a/b", "no such\norder", "ü?#"} {
		if _, err := c.Order(ctx, "s", odd); err == nil || !strings.Contains(err.Error(), "order-unknown") {
			t.Errorf("%q: got %v, want order-unknown", odd, err)
		}
	}
}

func TestARefusalIsItsProblem(t *testing.T) {
	c := clientOf(t, with(open(concert("s"))))
	_, _, err := c.CreateSale(t.Context(), json.RawMessage(`{"id":"S","total":-1}`))
	var p *client.Problem
	if !errors.As(err, &p) || p.Status != 422 || p.Code != "invalid-request" || p.Title == "" || !strings.Contains(p.Detail, "currency") || !strings.Contains(p.Detail, "total -1") {
		t.Errorf("got %v, want every fault that the API names", err)
	}
	if errors.Is(err, client.ErrOutcomeUnknown) || errors.Is(err, client.ErrUnreachable) {
		t.Errorf("got %v, want a refusal alone", err)
	}
	if _, err := c.Sale(t.Context(), "x"); !errors.As(err, &p) || p.Code != "sale-unknown" {
		t.Errorf("got %v, want sale-unknown", err)
	}
	c.Token = "another token"
	if _, err := c.Nodes(t.Context()); !errors.As(err, &p) || p.Status != 401 || p.Code != "unauthorized" {
		t.Errorf("got %v, want unauthorized", err)
	}
}

// An allocator that is away has done nothing. One that breaks off may have done what it was asked.
func TestWhatMayHaveBeenDoneIsUnknown(t *testing.T) {
	s := with(open(concert("s")))
	s.before = func(string, *model.Sale) error { return fmt.Errorf("eval: %w", sale.ErrUnknown) }
	lossy := clientOf(t, s)
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.Close()
		}
	}))
	answering := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	proxy, halfway, moved := httptest.NewServer(answering(502, "<html>bad gateway")), httptest.NewServer(answering(200, `{"id":`)), httptest.NewServer(answering(301, ""))
	for _, server := range []*httptest.Server{broken, proxy, halfway, moved} {
		t.Cleanup(server.Close)
	}
	at := func(server *httptest.Server) client.Client {
		return client.Client{Addr: server.Listener.Addr().String(), Token: token, HTTP: server.Client()}
	}
	away := closedPort(t)
	for name, tc := range map[string]struct {
		client.Client
		unknown, unreachable bool
	}{
		"the API does not know it":    {lossy, true, false},
		"the connection broke":        {at(broken), true, false},
		"a proxy answered":            {at(proxy), true, false},
		"the answer is half of one":   {at(halfway), true, false},
		"the answer leads elsewhere":  {at(moved), false, false},
		"nobody listens":              {client.Client{Addr: away}, false, true},
		"nobody listens at either":    {client.Client{Addr: away, Others: []string{away}}, false, true},
		"the second does not know it": {client.Client{Addr: away, Others: []string{lossy.Addr, broken.Listener.Addr().String()}, Token: token, HTTP: lossy.HTTP}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tc.CloseSale(t.Context(), "s")
			if err == nil || errors.Is(err, client.ErrOutcomeUnknown) != tc.unknown || errors.Is(err, client.ErrUnreachable) != tc.unreachable {
				t.Errorf("close: got %v, want unknown %v, unreachable %v", err, tc.unknown, tc.unreachable)
			}
			if _, err := tc.Sale(t.Context(), "s"); err == nil || errors.Is(err, client.ErrOutcomeUnknown) {
				t.Errorf("show: got %v, want an error, and nothing that may have been done", err)
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTheNextAllocatorIsAskedIfOneIsAway(t *testing.T) {
	c := clientOf(t, with(open(concert("s"))))
	c.Addr, c.Others = closedPort(t), []string{closedPort(t), c.Addr, "127.0.0.1:1"}
	if got, err := c.CloseSale(t.Context(), "s"); err != nil || !got.Closed {
		t.Errorf("got %+v, %v, want it closed", got, err)
	}
}

// An allocator that hangs may have done what it was asked.
func TestACallThatTakesTooLongIsUnknown(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	h := &http.Client{Timeout: 50 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	c := client.Client{Addr: server.Listener.Addr().String(), Token: token, HTTP: h}
	if _, err := c.CloseSale(t.Context(), "s"); !errors.Is(err, client.ErrOutcomeUnknown) {
		t.Errorf("got %v, want %v", err, client.ErrOutcomeUnknown)
	}
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
