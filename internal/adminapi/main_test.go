package adminapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/adminapi"
	"onsale/internal/apidoc"
	"onsale/internal/sale"
)

// described has every answer of these tests compared with the API's description.
var described = apidoc.Must("operators", "programs")

func TestMain(m *testing.M) { goleak.VerifyTestMain(described.Tests(m)) }

const token = "sixteen bytes of secret"

// serve serves the API until the test ends.
func serve(t *testing.T, s *stock, view sale.View) *httptest.Server {
	t.Helper()
	return serveWith(t, s, view, zap.NewNop())
}

// serveLogged serves the API too, and keeps what it logs.
func serveLogged(t *testing.T, s *stock) (*httptest.Server, *observer.ObservedLogs) {
	t.Helper()
	core, logged := observer.New(zap.InfoLevel)
	return serveWith(t, s, nil, zap.New(core)), logged
}

func serveWith(t *testing.T, s *stock, view sale.View, log *zap.Logger) *httptest.Server {
	t.Helper()
	h, err := adminapi.New(s, func() sale.View { return s.heeded(view) }, s.parts, tokens(token), log)
	if err != nil {
		t.Fatal(err)
	}
	if s.deaf {
		h.WaitForNodes(time.Millisecond)
	}
	if s.wait != 0 {
		h.WaitForLedger(s.wait)
	}
	mux := http.NewServeMux()
	h.Register(mux)
	return serveMux(t, mux)
}

// serveMux serves what was registered until the test ends.
func serveMux(t *testing.T, mux *http.ServeMux) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(described.Watch(mux))
	t.Cleanup(func() {
		server.Client().CloseIdleConnections()
		server.Close()
	})
	return server
}

// answer is what came back, its body read.
type answer struct {
	*http.Response
	text     string
	document map[string]any
}

// ask sends a request with the operators' token, and headers as pairs of name
// and value; an empty value takes the header away.
func ask(t *testing.T, server *httptest.Server, method, path, body string, header ...string) answer {
	t.Helper()
	r, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	got, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{Response: got, text: string(text)}
	d := json.NewDecoder(strings.NewReader(a.text))
	d.UseNumber()
	if err := d.Decode(&a.document); err != nil && method != http.MethodHead {
		t.Fatalf("%s %s: got %s %q: %v", method, path, got.Status, text, err)
	}
	return a
}

// wantProblem checks the standard members of a problem document, RFC 9457.
func wantProblem(t *testing.T, a answer, status int, code string) {
	t.Helper()
	if a.StatusCode != status || a.document["code"] != code {
		t.Fatalf("got %s %s, want %d %s", a.Status, a.text, status, code)
	}
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("%s: got Content-Type %q, want application/problem+json", code, got)
	}
	if got, want := a.document["type"], "/problems/"+code; got != want {
		t.Errorf("got type %v, want %s", got, want)
	}
	for _, member := range []string{"title", "detail"} {
		if text, ok := a.document[member].(string); !ok || text == "" {
			t.Errorf("%s: got %s %v, want a text", code, member, a.document[member])
		}
	}
	if retry := a.Header.Get("Retry-After"); (retry != "") != (status == http.StatusServiceUnavailable) {
		t.Errorf("%s: got Retry-After %q, want one with every 503 and nothing else", code, retry)
	}
}

// tokens is the one token, or none for "".
func tokens(token string) adminapi.Tokens {
	if token == "" {
		return nil
	}
	return adminapi.Tokens{token}
}
