package nginx_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wantProblem checks an answer against RFC 9457 and the project's own rules.
func wantProblem(t *testing.T, a answer, status int, code, retryAfter string) {
	t.Helper()
	wantStatus(t, a, status)
	wantHeader(t, a, "Content-Type", "application/problem+json")
	wantHeader(t, a, "Retry-After", retryAfter)
	wantHeader(t, a, "Cache-Control", "no-store")
	if len(a.Header.Get("X-Request-Id")) != 32 {
		t.Errorf("got X-Request-Id %q, want 32 hex digits", a.Header.Get("X-Request-Id"))
	}
	var p struct {
		Type, Title, Code, Detail string
		Status                    int
	}
	d := json.NewDecoder(strings.NewReader(a.Text))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatalf("not a problem document: %v: %s", err, a.Text)
	}
	if want := "/problems/" + code; p.Type != want || p.Code != code {
		t.Errorf("got type %q and code %q, want %q", p.Type, p.Code, want)
	}
	if p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("got %s, want status %d, a title and a detail", a.Text, status)
	}
}

func TestNginxSpeaksInProblemDocuments(t *testing.T) {
	t.Parallel()
	n := startNode(t, sells)
	e := start(t, site{Upstream: servers(n), Listen: `
		location = /maintenance { return 503; }
		location = /forbidden { deny all; }`})
	for name, c := range map[string]struct {
		raw    string
		status int
		code   string
		retry  string
	}{
		"an address outside the API":  {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not-found", ""},
		"the API without its slash":   {"GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not-found", ""},
		"the inner address of errors": {"GET /problem HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not-found", ""},
		"a request that is not HTTP":  {"hello\r\n\r\n", 400, "bad-request", ""},
		"a request without a host":    {"GET /v1/sales/demo HTTP/1.1\r\n\r\n", 400, "bad-request", ""},
		"a length that is no number":  {"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400, "bad-request", ""},
		"a method of no use":          {"TRACE /v1/sales/demo HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method-not-allowed", ""},
		"a body announced too large":  {"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 8193\r\n\r\n", 413, "body-too-large", ""},
		"a body that grows too large": {"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2001\r\n" + strings.Repeat("x", 0x2001) + "\r\n0\r\n\r\n", 413, "body-too-large", ""},
		"an address too long":         {"GET /v1/" + strings.Repeat("x", 9000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri-too-long", ""},
		"a header too large":          {"GET /v1/x HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("x", 9000) + "\r\n\r\n", 431, "header-too-large", ""},
		"headers too many":            {"GET /v1/x HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("Cookie: "+strings.Repeat("x", 7000)+"\r\n", 6) + "\r\n", 431, "header-too-large", ""},
		"a body in a coding unknown":  {"POST /v1/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: br\r\n\r\n", 501, "edge-error", ""},
		"an address that is denied":   {"GET /forbidden HTTP/1.1\r\nHost: x\r\n\r\n", 403, "edge-error", ""},
		"maintenance":                 {"GET /maintenance HTTP/1.1\r\nHost: x\r\n\r\n", 503, "busy", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, e.raw(t, c.raw), c.status, c.code, c.retry)
		})
	}
	if got := n.Requests.Load(); got != 0 {
		t.Errorf("%d bad requests reached the node, want none", got)
	}
}

// Reads and cancels got the answer that a purchase may have gone through.
func TestWhatANodeMayHaveDoneFitsTheRequest(t *testing.T) {
	t.Parallel()
	e := start(t, site{})
	for name, c := range map[string]struct{ method, path, want string }{
		"a purchase":             {"POST", "/v1/sales/demo/orders", "A purchase may have gone through"},
		"a message":              {"POST", "/v1/payments/webhook", "The payment may have been recorded"},
		"a message with a query": {"POST", "/v1/payments/webhook?from=provider", "The payment may have been recorded"},
		"a cancel":               {"DELETE", "/v1/sales/demo/orders/mine", "The order may have been cancelled"},
		"a read":                 {"GET", "/v1/sales/demo/orders/mine", "Ask again"},
		"a sale":                 {"GET", "/v1/sales/demo", "Ask again"},
	} {
		t.Run(name, func(t *testing.T) {
			a := e.do(t, c.method, c.path, "")
			wantProblem(t, a, http.StatusBadGateway, "node-unreachable", "1")
			if !strings.Contains(a.Text, `"detail":"`+c.want) {
				t.Errorf("got %s, want %q in it", a.Text, c.want)
			}
		})
	}
}

// raw sends bytes that net/http would refuse to send.
func (e *edge) raw(t *testing.T, text string) answer {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r, string(body)}
}

func TestANodesOwnProblemsPassUntouched(t *testing.T) {
	t.Parallel()
	const document = `{"type":"/problems/its-own","title":"A node's own title"}`
	e := start(t, site{Upstream: servers(startNode(t, func(w http.ResponseWriter, r *http.Request) {
		var status int
		fmt.Sscan(r.Header.Get("Want"), &status)
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		fmt.Fprint(w, document)
	}))})
	for _, status := range []int{400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 431, 500, 502, 503, 504} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			a := e.buy(t, "demo", fmt.Sprintf("Want: %d", status))
			wantStatus(t, a, status)
			wantHeader(t, a, "Retry-After", "7")
			if a.Text != document {
				t.Errorf("got %s, want the node's document", a.Text)
			}
		})
	}
}

func TestABodyOfEightKilobytesReachesTheNode(t *testing.T) {
	t.Parallel()
	var got int64
	e := start(t, site{Upstream: servers(startNode(t, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.Copy(io.Discard, r.Body) // the count is what is checked
	}))})
	wantStatus(t, e.do(t, "POST", "/v1/x", strings.Repeat("x", 8192)), http.StatusOK)
	if got != 8192 {
		t.Errorf("the node got %d bytes, want 8192", got)
	}
}

// problems.conf leaves out 408 because of this.
func TestASlowBuyerIsCutOffWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	e := start(t, site{})
	for name, text := range map[string]string{
		"in the header": "GET /v1/x HTTP/1.1\r\nHost:",
		"in the body":   "POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", e.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now().Add(8 * time.Second)); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(c)
			var timeout net.Error
			if len(got) != 0 || errors.As(err, &timeout) && timeout.Timeout() {
				t.Errorf("got %q and %v, want a connection closed after 5 s", got, err)
			}
		})
	}
}
