package buyerapi_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"onsale/internal/apidoc"
	"onsale/internal/buyerapi"
	"onsale/internal/problem"
)

// address is where a server listens.
type address string

// server is what serves a listener's connections.
type server interface {
	Serve(l net.Listener) error
	ShutdownWithContext(ctx context.Context) error
}

// listen serves on loopback until the test ends.
func listen(t testing.TB, s server) address {
	t.Helper()
	return listenAt(t, s, func(l net.Listener) net.Listener { return l })
}

// listenAt is listen behind a door.
func listenAt(t testing.TB, s server, door func(net.Listener) net.Listener) address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(door(l)) }()
	t.Cleanup(func() {
		if err := errors.Join(s.ShutdownWithContext(context.Background()), <-ended); err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return address(l.Addr().String())
}

// serve opens the site and listens.
func (s *site) serve(t testing.TB) address {
	t.Helper()
	return listen(t, buyerapi.NewServer(s.open(t).handler, time.Minute))
}

// connection is a buyer's, kept open for one request after the other.
type connection struct {
	net.Conn
	received *bytes.Buffer // every byte received
	in       *bufio.Reader
}

func (a address) dial(t testing.TB) *connection {
	t.Helper()
	c, err := net.Dial("tcp", string(a))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some tests have closed it already
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	received := &bytes.Buffer{}
	return &connection{c, received, bufio.NewReader(io.TeeReader(c, received))}
}

// answer is what came back.
type answer struct {
	*http.Response
	raw  string // the bytes on the wire
	body []byte
}

// send writes the bytes and reads one answer to a request with this method.
func (c *connection) send(t testing.TB, method, raw string) answer {
	t.Helper()
	c.received.Reset()
	// Who is refused early may find the connection closed before all is written.
	_, werr := io.WriteString(c, raw)
	r, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("got no answer to %.60q: %v (writing: %v)", raw, err, werr)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("the body of %s %v ends early: %v", method, r.Status, err)
	}
	seen(method, raw, r, body)
	return answer{r, c.received.String(), body}
}

// seen compares an answer with the API's description.
func seen(method, raw string, r *http.Response, body []byte) {
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		return // it is not HTTP, so it has an answer of every address
	}
	sent, err := io.ReadAll(request.Body)
	if err != nil || method == http.MethodHead {
		return
	}
	described.Seen(apidoc.Exchange{Method: method, Target: request.RequestURI, RequestBody: string(sent),
		Status: r.StatusCode, Header: r.Header, Body: body})
}

// repeat sends the request n times and reads as many equal answers.
func (c *connection) repeat(t testing.TB, request []byte, n int) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	first := c.send(t, http.MethodPost, string(request))
	buffer := make([]byte, len(first.raw))
	for range n - 1 {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c.Conn, buffer); err != nil {
			t.Fatal(err)
		}
	}
}

// raw is a request's text. header lines come without their line ends.
func raw(method, target, body string, header ...string) string {
	text := method + " " + target + " HTTP/1.1\r\nHost: onsale\r\n"
	for _, h := range header {
		text += h + "\r\n"
	}
	if body != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return text + "\r\n" + body
}

func bearer(token string) string { return "Authorization: Bearer " + token }

// ask sends one request on a connection of its own.
func (a address) ask(t testing.TB, method, target, body string, header ...string) answer {
	t.Helper()
	return a.dial(t).send(t, method, raw(method, target, body, header...))
}

// buy is alice's purchase of one ticket.
func (a address) buy(t testing.TB) answer {
	t.Helper()
	return a.ask(t, http.MethodPost, "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, "alice")))
}

// document is the answer's JSON.
func (a answer) document(t testing.TB) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	var document map[string]any
	if err := d.Decode(&document); err != nil {
		t.Fatalf("got body %q: %v", a.body, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("something follows the document in %q", a.body)
	}
	return document
}

// wantProblem checks everything that every problem has, and returns the document.
func wantProblem(t testing.TB, a answer, want buyerapi.Answer) map[string]any {
	t.Helper()
	d := a.document(t)
	if got := d["code"]; got != want.String() {
		t.Fatalf("got %s %s, want code %v", a.Status, a.body, want)
	}
	wantHeader(t, a, "Content-Type", "application/problem+json")
	wantHeader(t, a, "Cache-Control", "no-store")
	if a.StatusCode != want.Status() || d["status"] != json.Number(fmt.Sprint(want.Status())) {
		t.Errorf("%v: got status %d and member %v, want %d", want, a.StatusCode, d["status"], want.Status())
	}
	if got, want := d["type"], problem.TypeBase+want.String(); got != want {
		t.Errorf("got type %v, want %v", got, want)
	}
	for _, member := range []string{"title", "detail"} {
		if text, ok := d[member].(string); !ok || text == "" {
			t.Errorf("%v: got %s %v, want a text", want, member, d[member])
		}
	}
	if retry := a.Header.Get("Retry-After"); want.Status() == http.StatusServiceUnavailable && retry == "" {
		t.Errorf("%v: got no Retry-After, want one with every 503", want)
	}
	wantPrivate(t, a, want)
	return d
}

// wantPrivate checks that sold out is marked for Nginx's cache, before
// Cache-Control, and nothing else is.
func wantPrivate(t testing.TB, a answer, kind buyerapi.Answer) {
	t.Helper()
	mark, control := strings.Index(a.raw, "X-Accel-Expires:"), strings.Index(a.raw, "Cache-Control:")
	switch {
	case control < 0:
		t.Errorf("%v: got no Cache-Control in %q", kind, a.raw)
	case kind != buyerapi.SoldOut && mark >= 0:
		t.Errorf("%v: got X-Accel-Expires in %q, want it with sold out alone", kind, a.raw)
	case kind == buyerapi.SoldOut && (mark < 0 || mark > control):
		t.Errorf("got %q, want X-Accel-Expires before Cache-Control", a.raw)
	}
	for _, name := range []string{"Set-Cookie", "Vary"} {
		if got := a.Header.Values(name); len(got) > 0 {
			t.Errorf("%v: got %s %q, want none: Nginx would not cache it", kind, name, got)
		}
	}
}

func wantHeader(t testing.TB, a answer, name, want string) {
	t.Helper()
	if got := a.Header.Get(name); got != want {
		t.Errorf("%s: got %s %q, want %q", a.Status, name, got, want)
	}
}
