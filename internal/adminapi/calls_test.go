package adminapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

// status is what the API says of survey(id).
func status(id string) map[string]any {
	share := func(node, claimed string) map[string]any {
		return map[string]any{"node": node, "slice": json.Number("30"), "buffer": json.Number("15"), "claimed": json.Number(claimed)}
	}
	return map[string]any{
		"id": id, "title": "Concert", "kind": "ticket", "price": json.Number("4950"), "currency": "EUR", "total": json.Number("100"),
		"opens_at": "2042-05-01T12:00:00Z", "closes_at": "2042-05-01T13:00:00Z",
		"limit": json.Number("4"), "hold_seconds": json.Number("1.5"), "closed": false,
		"remaining": json.Number("60"), "held": json.Number("30"), "paid": json.Number("10"), "redis_time": "2042-05-01T12:00:01Z",
		"stock_generation": json.Number("3"), "plan_generation": json.Number("7"), "recorded": true, "plan": []any{share("n1", "2"), share("n2", "1")},
	}
}

func TestASaleIsShown(t *testing.T) {
	a := ask(t, serve(t, &stock{}, nil), "GET", "/admin/v1/sales/s", "")
	if diff := cmp.Diff(status("s"), a.document); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
}

func TestAVoucherIsShownWithItsWorthAndItsTerms(t *testing.T) {
	v := survey("s")
	v.Sale.Kind, v.Sale.FaceValue, v.Sale.Rules = sale.Voucher, 10_000, "Once.\n<Только> раз"
	v.Sale.Subtitle = "Für <zwei>"
	want := status("s")
	want["kind"], want["face_value"], want["rules"] = "voucher", json.Number("10000"), v.Sale.Rules
	want["subtitle"] = v.Sale.Subtitle
	a := ask(t, serve(t, &stock{survey: func(sale.ID) (sale.Survey, error) { return v, nil }}, nil), "GET", "/admin/v1/sales/s", "")
	if diff := cmp.Diff(want, a.document); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
}

func TestASaleIsCreatedWithDefaults(t *testing.T) {
	var got sale.Sale
	s := &stock{open: func(d sale.Sale) (bool, error) { got = d; return true, nil }}
	a := ask(t, serve(t, s, nil), "POST", "/admin/v1/sales", `{"id":"s","title":"Concert","currency":"EUR","total":100}`)
	if a.StatusCode != http.StatusCreated || a.Header.Get("Location") != "/admin/v1/sales/s" {
		t.Errorf("got %s and Location %q, want 201 and the sale's address", a.Status, a.Header.Get("Location"))
	}
	want := sale.Sale{ID: "s", Title: "Concert", Kind: sale.Ticket, Currency: "EUR", Total: 100, Limit: 1, Lapses: 3, HoldFor: 10 * time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

func TestASaleIsCreatedAsWritten(t *testing.T) {
	var got sale.Sale
	s := &stock{open: func(d sale.Sale) (bool, error) { got = d; return false, nil }}
	a := ask(t, serve(t, s, nil), "POST", "/admin/v1/sales", `{"id":"s","title":"Concert","kind":"voucher","price":4950,"currency":"EUR","total":100,
		"subtitle":"Für <zwei>","face_value":10000,"rules":"Once.\n<Только> раз","opens_at":"2042-05-01T14:00:00+02:00","closes_at":"2042-05-01T13:00:00Z",
		"limit":4,"lapses":5,"hold_seconds":1.5,"closed":true}`)
	if a.StatusCode != http.StatusOK {
		t.Errorf("got %s, want 200 for a sale that exists", a.Status)
	}
	want := survey("s").Sale
	want.Kind, want.FaceValue, want.Rules, want.Closed = sale.Voucher, 10_000, "Once.\n<Только> раз", true
	want.Subtitle, want.Lapses = "Für <zwei>", 5
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

func TestADefinitionIsRefusedWithEveryFault(t *testing.T) {
	s := &stock{}
	server := serve(t, s, nil)
	a := ask(t, server, "POST", "/admin/v1/sales", `{"id":"No!","title":"","kind":"x","price":-1,"currency":"euro","face_value":-1,
		"subtitle":"`+strings.Repeat("x", sale.MaxTitleLength+1)+`","rules":"`+strings.Repeat("x", sale.MaxRulesLength+1)+`","total":-1,"opens_at":"2042-05-01T12:00:00Z","closes_at":"2042-05-01T11:00:00Z","limit":-1,"hold_seconds":0.1}`)
	wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
	for _, fault := range []string{"sale id", "title: want 1", "subtitle", "kind", "price", "face value", "rules", "currency", "total", "limit", "hold_seconds", "closes must be after opens"} {
		if !strings.Contains(a.document["detail"].(string), fault) {
			t.Errorf("got %q, want the fault of %s in it", a.document["detail"], fault)
		}
	}
	for _, body := range []string{
		"", "x", "[]", "null", "{}", `"s"`, `{"id":"s"}{}`, `{"id":1}`, `{"id":"s","colour":"red"}`, `{"id":"s","title":"t","currency":"EUR","total":1e300}`,
		`{"id":"s","title":"t","currency":"EUR","total":1.5}`, `{"id":"s","title":"t","currency":"EUR","total":"1"}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"hold_seconds":1e300}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"hold_seconds":-1e300}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"opens_at":"tomorrow"}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"opens_at":"1969-12-31T23:59:59Z"}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"closes_at":"9999-12-31T23:59:59-01:00"}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"kind":"voucher"}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"kind":"voucher","face_value":0.5}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"face_value":1}`,
		`{"id":"s","title":"t","currency":"EUR","total":1,"rules":["once"]}`,
	} {
		wantProblem(t, ask(t, server, "POST", "/admin/v1/sales", body), http.StatusUnprocessableEntity, "invalid-request")
	}
	if len(s.calls) != 0 {
		t.Errorf("got calls %q, want none", s.calls)
	}
}

// A sale whose total was forgotten opened, and was sold out at once.
func TestATotalIsNeverGuessed(t *testing.T) {
	for name, body := range map[string]string{
		"left out": `{"id":"s","title":"t","currency":"EUR"}`, "null": `{"id":"s","title":"t","currency":"EUR","total":null}`,
	} {
		s := &stock{}
		a := ask(t, serve(t, s, nil), "POST", "/admin/v1/sales", body)
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
		if detail := a.document["detail"].(string); !strings.Contains(detail, "total is missing") || len(s.calls) != 0 {
			t.Errorf("%s: got %q and calls %q, want that the total is missing, and no call", name, detail, s.calls)
		}
	}
	t.Run("and 0 is one", func(t *testing.T) {
		a := ask(t, serve(t, &stock{}, nil), "POST", "/admin/v1/sales", `{"id":"s","title":"t","currency":"EUR","total":0}`)
		if a.StatusCode != http.StatusCreated {
			t.Errorf("got %s %s, want 201", a.Status, a.text)
		}
	})
}

// A limit or a hold time of 0 became the default, and null became whatever the zero is.
func TestWhatIsWrittenNeverBecomesADefault(t *testing.T) {
	s := &stock{}
	server := serve(t, s, nil)
	for member, says := range map[string]string{
		`"limit":0`: "limit 0: want 1", `"limit":-1`: "limit -1: want 1", `"limit":null`: "limit: null", `"limit":1.5`: "limit: want a whole number",
		`"limit":1001`: "limit 1001: want 1", `"limit":"2"`: "limit: want a whole number", `"limit":1e300`: "limit: want a whole number",
		`"lapses":0`: "lapses 0: want 1 to 255", `"lapses":256`: "lapses 256: want 1 to 255",
		`"hold_seconds":0`: "hold_seconds 0: want 1", `"hold_seconds":-600`: "hold_seconds -600: want 1", `"hold_seconds":null`: "hold_seconds: null",
		`"hold_seconds":0.0001`: "hold_seconds 0.0001: want 1", `"hold_seconds":1e300`: "want 1 to 2592000", `"hold_seconds":"10"`: "hold_seconds: want a number",
		`"kind":""`: "kind", `"kind":null`: "kind: null", `"title":null`: "title: null", `"subtitle":null`: "subtitle: null", `"rules":null`: "rules: null",
		`"price":null`: "price: null", `"price":-1`: "price -1", `"currency":null`: "currency: null", `"id":null`: "id: null",
		`"kind":"voucher","face_value":0`: "a voucher needs one", `"face_value":null`: "face_value: null", `"closed":null`: "closed: null", `"closed":0`: "closed: want true or false",
		`"opens_at":null`: "opens_at: null", `"opens_at":"1970-01-01T00:00:00Z"`: "opens_at: want a time after 1970", `"opens_at":0`: "opens_at: want a time",
		`"closes_at":null`: "closes_at: null", `"closes_at":"1970-01-01T00:00:00Z"`: "closes_at: want a time after 1970", `"closes_at":""`: "closes_at: want a time",
		`"closes_at":"1970-01-01T00:00:00.0004Z"`: "closes_at: want a time after 1970",
	} {
		definition := map[string]any{"id": "s", "title": "t", "currency": "EUR", "total": 1}
		if err := json.Unmarshal([]byte("{"+member+"}"), &definition); err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(definition)
		if err != nil {
			t.Fatal(err)
		}
		a := ask(t, server, "POST", "/admin/v1/sales", string(body))
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
		if detail := a.document["detail"].(string); !strings.Contains(detail, says) {
			t.Errorf("%s: got %q, want %q in it", member, detail, says)
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("got calls %q, want none", s.calls)
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
	s := &stock{
		sales: func() ([]sale.ID, error) { return []sale.ID{"c", "a", "b"}, nil },
		survey: func(id sale.ID) (sale.Survey, error) {
			if id == "b" {
				return sale.Survey{}, fmt.Errorf("survey: BROKEN books: %w", sale.ErrUnavailable)
			}
			return survey(id), nil
		},
	}
	a := ask(t, serve(t, s, nil), "GET", "/admin/v1/sales", "")
	broken := map[string]any{"id": "b", "error": "survey: BROKEN books: the stock store is unavailable"}
	want := map[string]any{"sales": []any{status("a"), broken, status("c")}}
	if diff := cmp.Diff(want, a.document); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
}

func TestAnEmptyListIsAList(t *testing.T) {
	server := serve(t, &stock{sales: func() ([]sale.ID, error) { return nil, nil }}, nil)
	if diff := cmp.Diff(map[string]any{"sales": []any{}}, ask(t, server, "GET", "/admin/v1/sales", "").document); diff != "" {
		t.Errorf("sales (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{}, ask(t, server, "GET", "/admin/v1/nodes", "").document["nodes"]); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

func TestASaleIsClosedAndReopened(t *testing.T) {
	s := &stock{}
	server := serve(t, s, nil)
	for _, word := range []string{"close", "reopen"} {
		a := ask(t, server, "POST", "/admin/v1/sales/s/"+word, "")
		if diff := cmp.Diff(status("s"), a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("%s: got %s (-want +got):\n%s", word, a.Status, diff)
		}
	}
	wantProblem(t, ask(t, server, "POST", "/admin/v1/sales/s/close", `{"at":"2042-05-01T12:00:00Z"}`), http.StatusUnprocessableEntity, "invalid-request")
	if diff := cmp.Diff([]string{"close s", "reopen s"}, s.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestRestocking(t *testing.T) {
	type change struct {
		ID    sale.ID
		Delta int64
		Key   string
	}
	var got []change
	s := &stock{restock: func(id sale.ID, delta int64, key string) (int64, error) {
		got = append(got, change{id, delta, key})
		return 100, nil
	}}
	server := serve(t, s, nil)
	longest := strings.Repeat("k", 64)
	for _, c := range []change{{"s", 5, "a"}, {"s", -5, "7f:b/c"}, {"s", sale.MaxTotal, longest}} {
		a := ask(t, server, "POST", "/admin/v1/sales/s/restock", fmt.Sprintf(`{"delta":%d}`, c.Delta), "Idempotency-Key", c.Key)
		if diff := cmp.Diff(status("s"), a.document); a.StatusCode != http.StatusOK || diff != "" {
			t.Errorf("%v: got %s (-want +got):\n%s", c, a.Status, diff)
		}
	}
	if diff := cmp.Diff([]change{{"s", 5, "a"}, {"s", -5, "7f:b/c"}, {"s", sale.MaxTotal, longest}}, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
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
	if len(got) != 3 {
		t.Errorf("got %d calls, want 3", len(got))
	}
}

func TestNodesAreListed(t *testing.T) {
	view := sale.View{{Name: "n1", Address: "10.0.0.1:8081", Weight: 3, Ready: true}, {Name: "n2", Address: "10.0.0.2:8081", Weight: 1, Draining: true}}
	a := ask(t, serve(t, &stock{}, view), "GET", "/admin/v1/nodes", "")
	want := []any{
		map[string]any{"name": "n1", "address": "10.0.0.1:8081", "weight": json.Number("3"), "ready": true, "draining": false},
		map[string]any{"name": "n2", "address": "10.0.0.2:8081", "weight": json.Number("1"), "ready": false, "draining": true},
	}
	if diff := cmp.Diff(want, a.document["nodes"]); a.StatusCode != http.StatusOK || diff != "" {
		t.Errorf("got %s (-want +got):\n%s", a.Status, diff)
	}
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(a.document["time"])); err != nil {
		t.Errorf("got time %v: %v", a.document["time"], err)
	}
}

func TestFailuresAreToldApart(t *testing.T) {
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
			server := serve(t, &stock{
				open:      func(sale.Sale) (bool, error) { return false, c.err },
				restock:   func(sale.ID, int64, string) (int64, error) { return 0, c.err },
				setClosed: func(sale.ID, bool) error { return c.err },
				sales:     func() ([]sale.ID, error) { return nil, c.err },
				survey:    func(sale.ID) (sale.Survey, error) { return sale.Survey{}, c.err },
				order:     func(sale.ID, sale.OrderID) (sale.Order, error) { return sale.Order{}, c.err },
				refund:    func(sale.ID, sale.OrderID) (sale.Refund, error) { return sale.Refund{}, c.err },
				payments:  func(sale.ID) ([]sale.Payment, error) { return nil, c.err },
				settle:    func(sale.ID, sale.PaymentID) (sale.Payment, error) { return sale.Payment{}, c.err },
			}, nil)
			for _, request := range []struct{ method, path, body string }{
				{"POST", "/admin/v1/sales", `{"id":"s","title":"t","currency":"EUR","total":1}`},
				{"GET", "/admin/v1/sales", ""}, {"GET", "/admin/v1/sales/s", ""},
				{"POST", "/admin/v1/sales/s/close", ""}, {"POST", "/admin/v1/sales/s/reopen", ""}, {"POST", "/admin/v1/sales/s/restock", `{"delta":1}`},
				{"GET", "/admin/v1/sales/s/orders/x", ""}, {"POST", "/admin/v1/sales/s/orders/x/refund", ""},
				{"GET", "/admin/v1/sales/s/refunds", ""}, {"POST", "/admin/v1/sales/s/refunds/x", `{"state":"settled"}`},
			} {
				a := ask(t, server, request.method, request.path, request.body, "Idempotency-Key", "k")
				wantProblem(t, a, c.status, c.code)
				if a.document["detail"] != c.err.Error() {
					t.Errorf("got detail %v, want %v", a.document["detail"], c.err)
				}
			}
		})
	}
}
