package apidoc_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"onsale/internal/apidoc"
)

// The schema is the OpenAPI Initiative's, of 2022-10-07.
func TestTheDescriptionIsAnOpenAPIDocument(t *testing.T) {
	schema, err := jsonschema.NewCompiler().Compile("testdata/openapi-3.1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(apidoc.File())
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		t.Error(err)
	}
}

func exchange(status int, body string) apidoc.Exchange {
	media := "application/json"
	if status >= 400 {
		media = "application/problem+json"
	}
	return apidoc.Exchange{Method: http.MethodDelete, Target: "/v1/sales/s/orders/o?x=1", Status: status,
		Header: http.Header{"Content-Type": {media}}, Body: []byte(body)}
}

func problemOf(code string) string {
	return `{"type":"/problems/` + code + `","title":"T","status":409,"code":"` + code + `","detail":"D"}`
}

func TestAnAnswerThatIsNotDescribedIsAFault(t *testing.T) {
	const order = `{"id":"o","sale":"s","state":"held","quantity":1,"amount":1,"currency":"EUR","created_at":"2030-01-01T00:00:00Z"`
	for name, c := range map[string]struct {
		exchange apidoc.Exchange
		fault    string
	}{
		"as described":          {exchange(200, order+"}"), ""},
		"another problem":       {exchange(409, problemOf("sold-out")), "value must be 'not-cancellable'"},
		"another status":        {exchange(410, problemOf("closed")), "this status is not described"},
		"another member":        {exchange(200, order+`,"buyer":"b"}`), "'/buyer'"},
		"a member missing":      {exchange(200, `{"id":"o"}`), "missing properties"},
		"a member's type":       {exchange(200, strings.Replace(order, `"quantity":1`, `"quantity":"1"`, 1)+"}"), "want integer"},
		"every address's":       {exchange(405, problemOf("method-not-allowed")), ""},
		"another content type":  {apidoc.Exchange{Method: "GET", Target: "/v1/sales/s", Status: 200, Header: http.Header{"Content-Type": {"text/html"}}}, "text/html is not described"},
		"an address of nothing": {apidoc.Exchange{Method: "GET", Target: "/v2/x", Status: 200}, ""},
	} {
		checks := apidoc.Must("buyers")
		checks.Seen(c.exchange)
		got := strings.Join(checks.Faults(), "\n")
		if (c.fault == "") != (got == "") || !strings.Contains(got, c.fault) {
			t.Errorf("%s: got %q, want %q", name, got, c.fault)
		}
	}
}

func TestADescribedAnswerHasToBeSeen(t *testing.T) {
	checks := apidoc.Must("buyers")
	const missing = "DELETE /v1/sales/{sale}/orders/{order}: no test has seen 409 not-cancellable"
	if !slices.Contains(checks.Unseen(), missing) {
		t.Errorf("got %q, want also %q", checks.Unseen(), missing)
	}
	checks.Seen(exchange(409, problemOf("not-cancellable")))
	if slices.Contains(checks.Unseen(), missing) {
		t.Errorf("got %q, though it was seen", missing)
	}
	if slices.ContainsFunc(checks.Unseen(), func(s string) bool { return strings.Contains(s, "/admin/") }) {
		t.Error("operators' answers are wanted of the buyers' API")
	}
}
