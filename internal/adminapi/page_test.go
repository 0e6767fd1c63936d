package adminapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// many is a sale with so many payments that are due, all for anOrder, which is held.
func many(n int) *model.Sale {
	m := open(concert("s"))
	hold(m, anOrder, "alice", 2)
	for i := range n {
		pay(m, sale.PaymentID(fmt.Sprintf("pay/%04d", i)), anOrder, 1)
	}
	return m
}

// ids follows a list from page to page, and returns the ids of what is on it.
func ids(t *testing.T, path, list string, s *stock) (all []string, pages int) {
	t.Helper()
	server := serve(t, s, nil)
	for next := path; next != ""; pages++ {
		a := ask(t, server, "GET", next, "")
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %s %s", next, a.Status, a.text)
		}
		for _, each := range a.document[list].([]any) {
			all = append(all, each.(map[string]any)["id"].(string))
		}
		link, is := strings.CutSuffix(strings.TrimPrefix(a.Header.Get("Link"), "<"), `>; rel="next"`)
		cursor, more := a.document["next"].(string)
		if is != more || more && !strings.Contains(link, "cursor="+cursor) {
			t.Fatalf("got the link %q and next %q, want the same place in both", a.Header.Get("Link"), cursor)
		}
		if next = ""; more {
			next = link
		}
	}
	return all, pages
}

// TestAListHasPages: it was one answer of all payments of the sale.
func TestAListHasPages(t *testing.T) {
	s := with(many(250))
	all := s.sales["s"].Payments(sale.PaymentDue)
	for _, p := range all {
		s.orphans = append(s.orphans, sale.Orphan{Sale: "gone", Payment: p})
	}
	for path, c := range map[string]struct {
		list  string
		pages int
	}{
		"/admin/v1/sales/s/refunds":                    {"refunds", 3},
		"/admin/v1/sales/s/refunds?limit=250":          {"refunds", 1},
		"/admin/v1/sales/s/refunds?limit=7&state=due":  {"refunds", 36},
		"/admin/v1/sales/s/refunds?state=settled":      {"refunds", 1},
		"/admin/v1/orphans":                            {"orphans", 3},
		"/admin/v1/orphans?limit=1000":                 {"orphans", 1},
		"/admin/v1/orphans?limit=9&state=due&x=y%20%2": {"orphans", 28},
	} {
		t.Run(path, func(t *testing.T) {
			got, pages := ids(t, path, c.list, s)
			want := len(all)
			if strings.Contains(path, "settled") {
				want = 0
			}
			if len(got) != want || pages != c.pages {
				t.Fatalf("got %d in %d pages, want %d in %d", len(got), pages, want, c.pages)
			}
			for i, id := range got {
				if id != string(all[i].ID) {
					t.Fatalf("got %s at %d, want %s", id, i, all[i].ID)
				}
			}
		})
	}
	t.Run("and so have an order's payments", func(t *testing.T) {
		server := serve(t, s, nil)
		a := ask(t, server, "GET", theOrder+"?limit=200", "")
		b := ask(t, server, "GET", theOrder+"?limit=200&cursor="+a.document["next"].(string), "")
		if n, m := len(a.document["payments"].([]any)), len(b.document["payments"].([]any)); n != 200 || m != 50 || b.document["next"] != nil {
			t.Errorf("got %d and %d payments, and then %v, want 200, 50 and no more", n, m, b.document["next"])
		}
	})
	for _, query := range []string{"limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1.5", "limit=10%20", "cursor=%00", "cursor=a", "cursor=ä", "cursor=YQ=="} {
		for _, path := range []string{"/admin/v1/sales/s/refunds?", "/admin/v1/orphans?", theOrder + "?"} {
			wantProblem(t, ask(t, serve(t, s, nil), "GET", path+query, ""), http.StatusUnprocessableEntity, "invalid-request")
		}
	}
}

// TestAChangeThatWasMadeIsNotCalledUnavailable: the sale was closed and could not be read
// back, and the operator got "store unavailable", which means that nothing was done.
func TestAChangeThatWasMadeIsNotCalledUnavailable(t *testing.T) {
	s := with(open(sale.Sale{ID: "s", Title: "t", Kind: sale.Ticket, Currency: "EUR", Total: 1, Limit: 1, Lapses: 3, HoldFor: 10 * time.Minute}))
	s.failing("survey", fmt.Errorf("read: %w", sale.ErrUnavailable))
	server := serve(t, s, nil)
	for path, body := range map[string]string{
		"/admin/v1/sales": `{"id":"s","title":"t","currency":"EUR","total":1}`, "/admin/v1/sales/s/close": "", "/admin/v1/sales/s/reopen": "",
		"/admin/v1/sales/s/restock": `{"delta":1}`,
	} {
		a := ask(t, server, "POST", path, body, "Idempotency-Key", "k")
		wantProblem(t, a, http.StatusServiceUnavailable, "outcome-unknown")
		if detail := a.document["detail"].(string); !strings.Contains(detail, "The change was made") || !strings.Contains(detail, "again") {
			t.Errorf("%s: got %q, want that the change was made, and that it may be sent again", path, detail)
		}
	}
	wantProblem(t, ask(t, server, "GET", "/admin/v1/sales/s", ""), http.StatusServiceUnavailable, "store-unavailable")
}
