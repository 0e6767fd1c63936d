package adminapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

func TestASaleGetsOtherTerms(t *testing.T) {
	s := with(open(concert("s")))
	a := ask(t, serve(t, s, nil), "PATCH", "/admin/v1/sales/s", `{"title":"New","subtitle":"","rules":"None.","price":1,
		"opens_at":"2042-05-01T10:00:00Z","closes_at":"2042-05-01T20:00:00Z","limit":7,"lapses":2,"hold_seconds":60}`)
	if a.StatusCode != http.StatusOK || a.document["id"] != "s" {
		t.Errorf("got %s with %v, want 200 with the sale", a.Status, a.document)
	}
	want := concert("s")
	want.Title, want.Subtitle, want.Rules, want.Price, want.Limit, want.Lapses, want.HoldFor = "New", "", "None.", 1, 7, 2, time.Minute
	want.Opens = sale.Instant(time.Date(2042, 5, 1, 10, 0, 0, 0, time.UTC).UnixMilli())
	want.Closes = sale.Instant(time.Date(2042, 5, 1, 20, 0, 0, 0, time.UTC).UnixMilli())
	if diff := cmp.Diff(want, s.sales["s"].Definition()); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
}

func TestOtherTermsAreRefusedWithTheirFaults(t *testing.T) {
	server := serve(t, with(rush("s")), nil)
	for body, want := range map[string]string{
		"": "empty", "{}": "name what is to change", "null": "name what is to change", "[]": "not a JSON object", `{"title":"t"}{}`: "something follows",
		`{"colour":"red"}`: "colour", `{"total":5}`: "total", `{"id":"t"}`: "id", `{"currency":"USD"}`: "currency", `{"kind":"product"}`: "kind", `{"closed":true}`: "closed",
		`{"title":""}`: "title: want 1", `{"title":null}`: "title: null", `{"limit":0}`: "limit 0", `{"lapses":0}`: "lapses 0", `{"price":-1}`: "price -1",
		`{"hold_seconds":0}`: "hold_seconds 0", `{"opens_at":"2042-05-02T00:00:00Z","closes_at":"2042-05-01T00:00:00Z"}`: "closes must be after opens",
	} {
		a := ask(t, server, "PATCH", "/admin/v1/sales/s", body)
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
		if detail, _ := a.document["detail"].(string); !strings.Contains(detail, want) {
			t.Errorf("%s: got %q, want %q in it", body, detail, want)
		}
	}
	// It has orders.
	a := ask(t, server, "PATCH", "/admin/v1/sales/s", `{"price":1}`)
	wantProblem(t, a, http.StatusConflict, "conflict")
}
