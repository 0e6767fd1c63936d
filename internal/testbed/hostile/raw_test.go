package hostile_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/operate"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// answer is one of those that a connection got.
type answer struct {
	status int
	code   string // of a problem
	order  string // of an order
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %s%s", a.status, a.code, a.order) }

// patience bounds every exchange. Nothing that works takes nearly as long.
const patience = 20 * time.Second

// dial connects from an address of this machine; "" is the usual one.
func dial(t testing.TB, from, addr string) *net.TCPConn {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // most are closed already
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// send sends the bytes as they are, ends its side of the connection, and returns every answer.
func send(t testing.TB, addr, text string) []answer {
	t.Helper()
	c := dial(t, "", addr)
	defer c.Close()
	// Who is refused early may find the connection closed before all is sent.
	_, _ = io.WriteString(c, text)
	_ = c.CloseWrite()
	got, err := io.ReadAll(c)
	if errors.Is(err, errTimeout(err)) {
		t.Errorf("%.60q: the connection stays open: got %.200q", text, got)
	}
	method, _, _ := strings.Cut(text, " ")
	return answers(t, got, method)
}

// errTimeout is err if it is a deadline's, and otherwise an error that nothing is.
func errTimeout(err error) error {
	if n, is := err.(net.Error); is && n.Timeout() {
		return err
	}
	return errors.New("")
}

// answers are those in the bytes, one behind the other, to requests that begin with the method.
func answers(t testing.TB, text []byte, method string) (all []answer) {
	t.Helper()
	for r := bufio.NewReader(bytes.NewReader(text)); ; {
		if _, err := r.Peek(1); err != nil {
			return all
		}
		a, err := nextTo(r, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("got %.300q, want answers: %v", text, err)
		}
		all = append(all, a)
	}
}

// next reads one answer.
func next(r *bufio.Reader) (answer, error) { return nextTo(r, nil) }

func nextTo(r *bufio.Reader, to *http.Request) (answer, error) {
	got, err := http.ReadResponse(r, to)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(got.Body)
	var doc struct{ ID, Code string }
	_ = json.Unmarshal(body, &doc) // some answers are no JSON
	return answer{got.StatusCode, doc.Code, doc.ID, got.Header, string(body)}, err
}

// request is a request's text. header lines come without their line ends.
func request(method, path, body string, header ...string) string {
	text := method + " " + path + " HTTP/1.1\r\nHost: onsale\r\n"
	for _, h := range header {
		text += h + "\r\n"
	}
	if body != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return text + "\r\n" + body
}

// one is a purchase of one ticket.
const one = `{"quantity":1}`

// bearer is the header with a good token of the buyer.
func (s *site) bearer(t testing.TB, buyer string) string {
	t.Helper()
	token, err := s.Issuer.Token(buyer, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + token
}

// purchase is the text of a buyer's purchase.
func (s *site) purchase(t testing.TB, id, buyer string, header ...string) string {
	t.Helper()
	return request("POST", "/v1/sales/"+id+"/orders", one, append(header, s.bearer(t, buyer))...)
}

// ask sends one request and returns its one answer.
func ask(t testing.TB, addr, text string) answer {
	t.Helper()
	got := send(t, addr, text)
	if len(got) != 1 {
		t.Fatalf("%.60q: got %v, want one answer", text, got)
	}
	return got[0]
}

// askAdmin is ask for an admin port. It keeps its side of the connection open: net/http takes the end of it for a client that has gone, and
// drops the request.
func askAdmin(t testing.TB, addr, text string) answer {
	t.Helper()
	c := dial(t, "", addr)
	defer c.Close()
	_, werr := io.WriteString(c, text)
	method, _, _ := strings.Cut(text, " ")
	a, err := nextTo(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.60q: got no answer: %v (writing: %v)", text, err, werr)
	}
	return a
}

var notInIDs = regexp.MustCompile(`[^a-z0-9]+`)

// open opens a sale named after the test, and once the test ends checks that honest buyers are served, and the audit.
func (s *site) open(t testing.TB, tickets int64) (id string) {
	t.Helper()
	return s.openAs(t, adminapi.Definition{Total: tickets, Limit: 4})
}

// openAs is open for a sale with more members.
func (s *site) openAs(t testing.TB, d adminapi.Definition) (id string) {
	t.Helper()
	id = strings.Trim(notInIDs.ReplaceAllString(strings.ToLower(t.Name()), "-"), "-")
	id = id[:min(len(id), sale.MaxIDLength)]
	d.ID, d.Title, d.Currency, d.Price, d.HoldSeconds = id, "Tickets", "EUR", 4200, 3600
	if err := s.Open(s.ctx, d); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.serves(t)
		a, err := operate.Audit(s.ctx, s.Stores(), sale.ID(id), 0, zap.NewNop())
		if err != nil {
			t.Error(err)
		}
		for _, f := range a.Faults {
			t.Error("audit: " + f)
		}
	})
	return id
}

var served int

// serves has honest buyers buy, at every door, several on one connection: each has to get an order of his own.
func (s *site) serves(t testing.TB) {
	t.Helper()
	for _, d := range s.doors() {
		c := dial(t, "", d.addr)
		r := bufio.NewReader(c)
		seen := map[string]bool{}
		for range 8 {
			served++
			if _, err := io.WriteString(c, s.purchase(t, honest, fmt.Sprint("honest-", served))); err != nil {
				t.Fatalf("%s: an honest buyer could not ask: %v", d.name, err)
			}
			a, err := next(r)
			if err != nil || a.status != http.StatusCreated || seen[a.order] {
				t.Errorf("%s: an honest buyer got %v, %v, want an order of his own", d.name, a, err)
			}
			seen[a.order] = true
		}
		_ = c.Close()
	}
}

// orders is how many live orders a sale has in Redis.
func (s *site) orders(t testing.TB, id string) int64 {
	t.Helper()
	var v sale.Survey
	await.Until(t, "an answer of the store", func() (ok bool) {
		var err error
		v, err = s.store.Survey(s.ctx, sale.ID(id))
		return err == nil
	})
	return v.Counters.Held + v.Counters.Paid
}

// wantNoOrder checks that the buyer has none.
func (s *site) wantNoOrder(t testing.TB, id, buyer string) {
	t.Helper()
	if a := ask(t, s.Nodes[1].Listen, request("GET", "/v1/sales/"+id+"/orders/mine", "", s.bearer(t, buyer))); a.code != "order-unknown" {
		t.Errorf("%s got %v, want no order", buyer, a)
	}
}

// created is how many orders the answers acknowledge.
func created(all []answer) (n int64) {
	for _, a := range all {
		if a.status == http.StatusCreated {
			n++
		}
	}
	return n
}

func replaceOnce(text []byte, old, with string) ([]byte, error) {
	if n := bytes.Count(text, []byte(old)); n != 1 {
		return nil, fmt.Errorf("%q is there %d times, want once", old, n)
	}
	return bytes.Replace(text, []byte(old), []byte(with), 1), nil
}

func runCommand(command []string) error {
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", command, err, out)
	}
	return nil
}
