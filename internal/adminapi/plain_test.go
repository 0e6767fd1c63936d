package adminapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// goWords are what only a reader of our sources would understand.
var goWords = regexp.MustCompile(`json:|Go (struct|value)|unmarshal|strconv|invalid character|looking for|unexpected E|EOF|2006-01-02|parsing time|int64|float64|struct|illegal base64|http:|context (dead|canc)|h0m0s|-2562047h|%!|\(MISSING`)

// TestNoAnswerSpeaksGo sends bodies, paths and queries that are wrong in generated ways. Operators
// got "json: cannot unmarshal string into Go struct field .delta of type int64", and the like.
func TestNoAnswerSpeaksGo(t *testing.T) {
	server := serve(t, with(rush("s")), nil)
	calls := []string{
		"POST /admin/v1/sales", "POST /admin/v1/sales/s/restock", "POST /admin/v1/sales/s/close",
		"POST /admin/v1/sales/s/orders/x/refund", "POST /admin/v1/sales/s/refunds/pay_1",
		"POST /admin/v1/nodes/n1/drain", "POST /admin/v1/nodes/n1/undrain", "POST /admin/v1/nodes/n1/weight",
		"GET /admin/v1/sales/s/refunds?limit=", "GET /admin/v1/sales/s/refunds?cursor=", "GET /admin/v1/sales/s/refunds?state=",
	}
	members := []string{
		"id", "title", "kind", "currency", "price", "face_value", "total", "limit", "lapses", "hold_seconds", "opens_at", "closes_at",
		"closed", "rules", "delta", "state", "amount", "force", "weight", "own", "TITLE", "a\tb", strings.Repeat("m", 200),
	}
	values := []string{
		`""`, `"x"`, `0`, `-1`, `0.5`, `1e400`, `99999999999999999999`, `null`, `true`, `[]`, `{}`, `{"a":1}`, `"2030-02-30T00:00:00Z"`,
		`"2030-01-01"`, `"0000-01-01T00:00:00Z"`, `NaN`, `'x'`, `"\x"`, `"`, `{`, `]`, `"\ud800"`, `01`,
	}
	rapid.Check(t, func(r *rapid.T) {
		method, path, _ := strings.Cut(rapid.SampledFrom(calls).Draw(r, "call"), " ")
		value := rapid.SampledFrom(values)
		if strings.HasSuffix(path, "=") {
			path += rapid.SampledFrom([]string{"-1", "x", "99999999999999999999", "0x1", "%22", "a%00", "*"}).Draw(r, "query")
		}
		var body strings.Builder
		switch rapid.IntRange(0, 3).Draw(r, "shape") {
		case 0: // no object
			body.WriteString(value.Draw(r, "body"))
		default:
			for i := range rapid.IntRange(1, 4).Draw(r, "members") {
				name, _ := json.Marshal(rapid.SampledFrom(members).Draw(r, "member"))
				fmt.Fprintf(&body, "%c%s:%s", "{,"[min(i, 1)], name, value.Draw(r, "value"))
			}
			body.WriteString(rapid.SampledFrom([]string{"}", "", "}}", "} {}", "},"}).Draw(r, "end"))
		}
		if method == http.MethodGet {
			body.Reset()
		}
		a := ask(t, server, method, path, body.String(), "Idempotency-Key", "k")
		detail, _ := a.document["detail"].(string)
		if a.StatusCode >= 400 && (detail == "" || goWords.MatchString(detail) || a.StatusCode >= 500) {
			r.Fatalf("%s %s %s: got %s %q, want a plain text", method, path, body.String(), a.Status, detail)
		}
	})
}

func TestADecodingErrorNamesWhatToMend(t *testing.T) {
	server := serve(t, with(rush("s")), nil)
	for body, want := range map[string]string{
		`{"delta":"x"}`:        "delta: want a whole number",
		`{"delta":null}`:       "delta: null is no value",
		`{"delta":1,"dleta":}`: "not JSON: see byte 20",
		`{"dleta":1}`:          `no member "dleta" here`,
		`{"delta":1`:           "ends too early",
		`[]`:                   "not a JSON object",
		`{"delta":1} {}`:       "something follows the JSON object",
		` `:                    "the body is empty",
	} {
		a := ask(t, server, "POST", "/admin/v1/sales/s/restock", body, "Idempotency-Key", "k")
		wantProblem(t, a, http.StatusUnprocessableEntity, "invalid-request")
		if detail, _ := a.document["detail"].(string); !strings.Contains(detail, want) || goWords.MatchString(detail) {
			t.Errorf("%s: got %q, want %q in it", body, detail, want)
		}
	}
	a := ask(t, server, "POST", "/admin/v1/sales", `{"title":"`+strings.Repeat("t", 1<<20)+`"}`)
	if detail, _ := a.document["detail"].(string); a.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(detail, "shorten it") {
		t.Errorf("a large body: got %s %q, want 413 with the limit", a.Status, detail)
	}
}

// Details of a 503 had texts of Go's network code, such as "dial tcp 10.0.0.1:6379: connect: connection refused".
func TestDetailsKeepTheNetworksTextsForTheLog(t *testing.T) {
	network := errors.New("dial tcp 127.0.0.1:6379: connect: connection refused")
	for name, c := range map[string]struct {
		err  error
		code string
		want string
	}{
		"Redis away":    {fmt.Errorf("refund: %w: %w", sale.ErrUnavailable, network), "store-unavailable", "nothing was done"},
		"a lost answer": {fmt.Errorf("refund: %w: %w", sale.ErrUnknown, network), "outcome-unknown", "may have been made"},
		"a bug":         {fmt.Errorf("refund: %w", network), "internal", "log"},
	} {
		s := &stock{before: func(string, *model.Sale) error { return c.err }}
		a := ask(t, serve(t, s, nil), "POST", theOrder+"/refund", "")
		if text := fmt.Sprint(a.document["detail"]); a.document["code"] != c.code || !strings.Contains(text, c.want) || strings.Contains(text, "dial") {
			t.Errorf("%s: got %v, want %s with %q and without the network's text", name, a.document, c.code, c.want)
		}
	}
}
