package adminapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// status is the API's document of rush(id).
func status(id string) map[string]any {
	share := func(node, claimed string) map[string]any {
		return map[string]any{"node": node, "slice": json.Number("30"), "buffer": json.Number("15"), "claimed": json.Number(claimed)}
	}
	return map[string]any{
		"id": id, "title": "Concert", "kind": "ticket", "price": json.Number("4950"), "currency": "EUR", "total": json.Number("100"),
		"opens_at": "2042-05-01T12:00:00Z", "closes_at": "2042-05-01T13:00:00Z",
		"limit": json.Number("4"), "hold_seconds": json.Number("90.5"), "closed": false,
		"remaining": json.Number("68"), "held": json.Number("30"), "paid": json.Number("2"), "redis_time": "2042-05-01T12:01:00Z",
		"stock_generation": json.Number(strconv.FormatInt(int64(noon.Add(time.Minute)), 10)), "plan_generation": json.Number("7"), "recorded": true, "plan": []any{share("n1", "2"), share("n2", "1")},
	}
}

func TestASaleIsShown(t *testing.T) {
	a := ask(t, serve(t, with(rush("s")), nil), "GET", "/admin/v1/sales/s", "")
	if diff := cmp.Diff(status("s"), a.document); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
}

func TestAVoucherIsShownWithItsWorthAndItsTerms(t *testing.T) {
	d := concert("s")
	d.Kind, d.FaceValue, d.Rules, d.Subtitle = sale.Voucher, 10_000, "Once.\n<Только> раз", "Für <zwei>"
	a := ask(t, serve(t, with(open(d)), nil), "GET", "/admin/v1/sales/s", "")
	got := map[string]any{}
	for _, member := range []string{"kind", "face_value", "rules", "subtitle"} {
		got[member] = a.document[member]
	}
	want := map[string]any{"kind": "voucher", "face_value": json.Number("10000"), "rules": d.Rules, "subtitle": d.Subtitle}
	if diff := cmp.Diff(want, got); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
}

func TestABodyIsBounded(t *testing.T) {
	s := &stock{}
	server := serve(t, s, nil)
	definition := `{"id":"s","title":"Concert","currency":"EUR","total":100`
	padded := func(size int) string { return definition + strings.Repeat(" ", size-len(definition)-1) + "}" }
	if a := ask(t, server, "POST", "/admin/v1/sales", padded(64<<10)); a.StatusCode != http.StatusCreated {
		t.Errorf("got %s %s for 64 KiB, want 201", a.Status, a.text)
	}
	wantProblem(t, ask(t, server, "POST", "/admin/v1/sales", padded(64<<10+1)), http.StatusRequestEntityTooLarge, "body-too-large")
	wantProblem(t, ask(t, server, "POST", "/admin/v1/sales/s/restock", strings.Repeat(" ", 1<<20), "Idempotency-Key", "k"),
		http.StatusRequestEntityTooLarge, "body-too-large")
	if len(s.calls) != 1 {
		t.Errorf("got calls %q, want one", s.calls)
	}
}

// One broken sale took the whole list away.
func TestAListShowsTheOthersWhereOneSaleIsBroken(t *testing.T) {
	s := with(rush("c"), rush("a"), rush("b")).failing("survey b", fmt.Errorf("survey: BROKEN books: %w", sale.ErrUnavailable))
	a := ask(t, serve(t, s, nil), "GET", "/admin/v1/sales", "")
	broken := map[string]any{"id": "b", "code": "store-unavailable",
		"detail": "Redis could not be asked, or refused: nothing was done. Try again in a moment; /readyz and the log of this program name the cause."}
	want := map[string]any{"sales": []any{status("a"), broken, status("c")}}
	if diff := cmp.Diff(want, a.document); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
}

// The list of 5,000 sales was one answer, and made as many calls of Redis.
func TestSalesAreListedInPages(t *testing.T) {
	var all []*model.Sale
	var want []string
	for i := range 250 {
		all = append(all, rush(sale.ID(fmt.Sprintf("sale-%03d", 249-i))))
		want = append(want, fmt.Sprintf("sale-%03d", i))
	}
	s := with(all...)
	server := serve(t, s, nil)
	for _, test := range []struct {
		query string
		pages []int
	}{{"", []int{100, 100, 50}}, {"limit=125", []int{125, 125}}, {"limit=1000", []int{250}}} {
		var got []string
		var pages []int
		for path := "/admin/v1/sales?" + test.query; path != ""; {
			surveys := len(s.calls)
			a := ask(t, server, "GET", path, "")
			list, ok := a.document["sales"].([]any)
			if !ok {
				t.Fatalf("%s: got %s %s", path, a.Status, a.text)
			}
			for _, one := range list {
				got = append(got, one.(map[string]any)["id"].(string))
			}
			if pages = append(pages, len(list)); len(s.calls)-surveys > len(list)+1 {
				t.Errorf("%s: got %d calls for %d sales", path, len(s.calls)-surveys, len(list))
			}
			path, _ = strings.CutSuffix(strings.TrimPrefix(a.Header.Get("Link"), "<"), `>; rel="next"`)
		}
		if !slices.Equal(got, want) || !slices.Equal(pages, test.pages) {
			t.Errorf("%q: got %d sales in pages of %v, want all in order in pages of %v", test.query, len(got), pages, test.pages)
		}
	}
	wantProblem(t, ask(t, server, "GET", "/admin/v1/sales?limit=0", ""), http.StatusUnprocessableEntity, "invalid-request")
}

func TestAnEmptyListIsAList(t *testing.T) {
	server := serve(t, &stock{}, nil)
	if diff := cmp.Diff(map[string]any{"sales": []any{}}, ask(t, server, "GET", "/admin/v1/sales", "").document); diff != "" {
		t.Errorf("sales (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{}, ask(t, server, "GET", "/admin/v1/nodes", "").document["nodes"]); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

func TestASaleIsClosedAndReopened(t *testing.T) {
	s := with(rush("s"))
	server := serve(t, s, nil)
	for _, verb := range []string{"close", "reopen"} {
		a := ask(t, server, "POST", "/admin/v1/sales/s/"+verb, "")
		want := status("s")
		want["closed"] = verb == "close"
		if diff := cmp.Diff(want, a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("%s: got %s (-want +got):\n%s", verb, a.Status, diff)
		}
	}
	wantProblem(t, ask(t, server, "POST", "/admin/v1/sales/s/close", `{"at":"2042-05-01T12:00:00Z"}`), http.StatusUnprocessableEntity, "invalid-request")
	if diff := cmp.Diff([]string{"close s", "reopen s"}, s.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestRestocking(t *testing.T) {
	d := concert("s")
	d.Total = 0
	s := with(open(d))
	server := serve(t, s, nil)
	longest := strings.Repeat("k", 64)
	for _, c := range []struct {
		delta, total int64
		key          string
	}{{5, 5, "a"}, {-5, 0, "7f:b/c"}, {sale.MaxTotal, sale.MaxTotal, longest}} {
		a := ask(t, server, "POST", "/admin/v1/sales/s/restock", fmt.Sprintf(`{"delta":%d}`, c.delta), "Idempotency-Key", c.key)
		if total := fmt.Sprint(a.document["total"]); a.StatusCode != http.StatusOK || total != fmt.Sprint(c.total) {
			t.Errorf("%v: got %s with a total of %s", c, a.Status, total)
		}
	}
	restocks := map[string]int64{"a": 5, "7f:b/c": -5, longest: sale.MaxTotal}
	if diff := cmp.Diff(restocks, s.sales["s"].Records().Restocks); diff != "" {
		t.Errorf("restocks (-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		body, key string
		want      []string // every fault at once
	}{
		"no key":               {`{"delta":1}`, "", []string{"Idempotency-Key"}},
		"a key with a blank":   {`{"delta":1}`, "a b", []string{"Idempotency-Key"}},
		"a key with a tab":     {`{"delta":1}`, "a\tb", []string{"Idempotency-Key"}},
		"a long key":           {`{"delta":1}`, longest + "k", []string{"Idempotency-Key"}},
		"no change":            {`{}`, "k", []string{"delta"}},
		"a change of 0":        {`{"delta":0}`, "k", []string{"delta"}},
		"too much":             {`{"delta":1000000001}`, "k", []string{"delta"}},
		"too little":           {`{"delta":-1000000001}`, "k", []string{"delta"}},
		"half a ticket":        {`{"delta":0.5}`, "k", []string{"delta"}},
		"past counting":        {`{"delta":99999999999999999999}`, "k", []string{"delta"}},
		"no key and no change": {`{}`, "", []string{"Idempotency-Key", "delta"}},
		"another member":       {`{"delta":1,"total":5}`, "k", []string{"total"}},
		"nothing":              {``, "k", []string{"the body is empty"}},
	} {
		a := ask(t, server, "POST", "/admin/v1/sales/s/restock", c.body, "Idempotency-Key", c.key)
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
		for _, want := range c.want {
			if !strings.Contains(a.document["detail"].(string), want) {
				t.Errorf("%s: got %q, want %q in it", name, a.document["detail"], want)
			}
		}
	}
	if len(s.calls) != 3 {
		t.Errorf("got calls %q, want 3", s.calls)
	}
}

func TestNodesAreListed(t *testing.T) {
	view := sale.View{{Name: "n1", Address: "10.0.0.1:8081", Weight: 3, Ready: true}, {Name: "n2", Address: "10.0.0.2:8081", Weight: 1, Draining: true}}
	a := ask(t, serve(t, &stock{}, view), "GET", "/admin/v1/nodes", "")
	want := []any{
		map[string]any{"name": "n1", "address": "10.0.0.1:8081", "weight": json.Number("3"), "ready": true, "draining": false, "drained": false, "idle": false},
		map[string]any{"name": "n2", "address": "10.0.0.2:8081", "weight": json.Number("1"), "ready": false, "draining": true, "drained": false, "idle": false},
	}
	if diff := cmp.Diff(want, a.document["nodes"]); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(a.document["time"])); err != nil {
		t.Errorf("got time %v: %v", a.document["time"], err)
	}
}

func TestOtherPartsAreListedBesideTheNodes(t *testing.T) {
	written := time.Date(2026, 11, 28, 1, 2, 3, 0, time.UTC)
	want := adminapi.Parts{
		Allocators: []adminapi.Allocator{{Name: "a1", AllocatorState: &adminapi.AllocatorState{Admin: "10.0.0.1:9080", Ready: true, Leads: true, Nginx: &adminapi.Nginx{Current: true, Nodes: 3, Selling: 2, Since: &written}}}, {Name: "a2"}},
		Ledgers:    []adminapi.Ledger{{Name: "l1", LedgerState: &adminapi.LedgerState{Ready: true, Sales: 2, Waiting: 5, WaitedSeconds: 1.5, WrittenAt: &written}}, {Name: "of an older version"}},
	}
	a := ask(t, serve(t, &stock{others: &want}, nil), "GET", "/admin/v1/nodes", "")
	var got adminapi.Nodes
	if err := json.Unmarshal([]byte(a.text), &got); err != nil || got.Parts == nil || got.Unknown != "" {
		t.Fatalf("got %v and %s", err, a.text)
	}
	if diff := cmp.Diff(want, *got.Parts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Run("but for a Redis that is away", func(t *testing.T) {
		a := ask(t, serve(t, &stock{}, sale.View{{Name: "n1"}}), "GET", "/admin/v1/nodes", "")
		var got adminapi.Nodes
		if err := json.Unmarshal([]byte(a.text), &got); err != nil || a.StatusCode != http.StatusOK || len(got.Nodes) != 1 || got.Parts != nil || got.Unknown == "" {
			t.Errorf("got %v, %s %s, want the node alone and why", err, a.Status, a.text)
		}
	})
}

func TestFailuresAreDistinguished(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"no such order":   {sale.ErrNoOrder, http.StatusNotFound, "order-unknown"},
		"no such payment": {fmt.Errorf("settle: %w", sale.ErrNoPayment), http.StatusNotFound, "payment-unknown"},
		"no such sale":    {sale.NoSale("survey"), http.StatusNotFound, "sale-unknown"},
		"a conflict":      {sale.Conflict("sale s exists"), http.StatusConflict, "conflict"},
		"Redis away":      {fmt.Errorf("open: %w", sale.ErrUnavailable), http.StatusServiceUnavailable, "store-unavailable"},
		"a lost answer":   {fmt.Errorf("open: %w", sale.ErrUnknown), http.StatusServiceUnavailable, "outcome-unknown"},
		"something else":  {errors.New("a bug"), http.StatusInternalServerError, "internal"},
		"a fencing error": {sale.ErrFenced, http.StatusInternalServerError, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, with(rush("s")).failing("", c.err), nil)
			for _, request := range []struct{ method, path, body string }{
				{"POST", "/admin/v1/sales", `{"id":"s","title":"t","currency":"EUR","total":1}`},
				{"GET", "/admin/v1/sales", ""}, {"GET", "/admin/v1/sales/s", ""},
				{"POST", "/admin/v1/sales/s/close", ""}, {"POST", "/admin/v1/sales/s/reopen", ""}, {"POST", "/admin/v1/sales/s/restock", `{"delta":1}`},
				{"GET", "/admin/v1/sales/s/orders/x", ""}, {"POST", "/admin/v1/sales/s/orders/x/refund", ""},
				{"GET", "/admin/v1/sales/s/refunds", ""}, {"POST", "/admin/v1/sales/s/refunds/x", `{"state":"settled"}`},
			} {
				a := ask(t, server, request.method, request.path, request.body, "Idempotency-Key", "k")
				wantProblem(t, a, c.status, c.code)
				// What is wrong with Redis or this program is for its log.
				if quoted := a.document["detail"] == c.err.Error(); quoted != (c.status < http.StatusInternalServerError) {
					t.Errorf("got detail %v of %v", a.document["detail"], c.err)
				}
			}
		})
	}
}
