package adminapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

func TestASaleIsCreatedWithDefaults(t *testing.T) {
	s := &stock{}
	a := ask(t, serve(t, s, nil), "POST", "/admin/v1/sales", `{"id":"s","title":"Concert","currency":"EUR","total":100}`)
	if a.StatusCode != http.StatusCreated || a.Header.Get("Location") != "/admin/v1/sales/s" {
		t.Errorf("got %s and Location %q, want 201 and the sale's address", a.Status, a.Header.Get("Location"))
	}
	want := sale.Sale{ID: "s", Title: "Concert", Kind: sale.Ticket, Currency: "EUR", Total: 100, Limit: 1, Lapses: 3, HoldFor: 10 * time.Minute}
	if diff := cmp.Diff(want, s.sales["s"].Definition()); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

func TestASaleIsCreatedAsWritten(t *testing.T) {
	s := &stock{}
	server := serve(t, s, nil)
	const definition = `{"id":"s","title":"Concert","kind":"voucher","price":4950,"currency":"EUR","total":100,
		"subtitle":"Für <zwei>","face_value":10000,"rules":"Once.\n<Только> раз","opens_at":"2042-05-01T14:00:00+02:00","closes_at":"2042-05-01T13:00:00Z",
		"limit":4,"lapses":5,"hold_seconds":90.5,"closed":true}`
	for _, status := range []int{http.StatusCreated, http.StatusOK} {
		if a := ask(t, server, "POST", "/admin/v1/sales", definition); a.StatusCode != status {
			t.Errorf("got %s, want %d, as 200 is for a sale that exists", a.Status, status)
		}
	}
	want := concert("s")
	want.Kind, want.FaceValue, want.Rules, want.Closed = sale.Voucher, 10_000, "Once.\n<Только> раз", true
	want.Subtitle, want.Lapses = "Für <zwei>", 5
	if diff := cmp.Diff(want, s.sales["s"].Definition()); diff != "" {
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
	for member, want := range map[string]string{
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
		if detail := a.document["detail"].(string); !strings.Contains(detail, want) {
			t.Errorf("%s: got %q, want %q in it", member, detail, want)
		}
	}
	if len(s.calls) != 0 {
		t.Errorf("got calls %q, want none", s.calls)
	}
}
