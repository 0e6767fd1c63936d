package strategy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/cluster"
	"onsale/internal/cluster/process"
	"onsale/internal/sale"
)

// site is a front that a test serves.
type site struct {
	Admin
	issuer *cluster.Issuer
	end    context.CancelFunc
	served chan error // what Serve returned
}

// serve serves the strategy on a free port until the test ends.
func serve(t *testing.T, s Strategy) site {
	t.Helper()
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	x := site{issuer: cluster.NewIssuer(), served: make(chan error, 1)}
	x.URL = "http://" + process.Loopback(port)
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := x.issuer.Save(file); err != nil {
		t.Fatal(err)
	}
	verifier, err := buyerapi.LoadVerifier(file, cluster.Audience)
	if err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, x.end = context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		x.served <- Serve(ctx, process.Loopback(port), s, verifier)
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		x.end()
		<-ended
	})
	until(t, "front", func() bool { return x.Ready(t.Context()) == nil })
	return x
}

// answer is what came back, as far as a load generator looks, and a little further.
type answer struct {
	status     int
	ID         string `json:"id"`
	Sale       string `json:"sale"`
	State      string `json:"state"`
	Quantity   int    `json:"quantity"`
	Type       string `json:"type"`
	Code       string `json:"code"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	header     http.Header
	fixedSize  bool
	unreadable error
}

// send is one request with the token, or without one where it is empty.
func (x site) send(ctx context.Context, method, path, token, body string) (a answer, err error) {
	r, err := http.NewRequestWithContext(ctx, method, x.URL+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	a.status, a.header, a.fixedSize = response.StatusCode, response.Header, response.ContentLength >= 0
	a.unreadable = json.Unmarshal(raw, &a)
	return a, err
}

const one = `{"quantity":1}`

// order sends one purchase of the buyer's.
func (x site) order(ctx context.Context, name, buyer string) (answer, error) {
	token, err := x.issuer.Token(buyer, time.Hour)
	if err != nil {
		return answer{}, err
	}
	return x.send(ctx, http.MethodPost, "/v1/sales/"+name+"/orders", "Bearer "+token, one)
}

// buy is order in the strategies' words. Any 503 is a conflict: a buyer asks again.
func (x site) buy(name string) purchase {
	return func(ctx context.Context, buyer string) (Outcome, string, error) {
		a, err := x.order(ctx, name, buyer)
		switch {
		case err != nil:
			return Undecided, "", err
		case a.status == http.StatusCreated:
			return Sold, a.ID, nil
		case a.status == http.StatusOK:
			return Replayed, a.ID, nil
		case a.Code == "sold-out":
			return SoldOut, "", nil
		case a.status == http.StatusServiceUnavailable:
			return Conflict, "", nil
		}
		return Undecided, "", fmt.Errorf("got %+v", a)
	}
}

func TestStrategiesSellThroughTheFront(t *testing.T) {
	for _, entry := range All {
		t.Run(entry.Name, func(t *testing.T) {
			x, name := serve(t, start(t, entry.Name, config())), newName()
			if err := x.Open(t.Context(), name, 50); err != nil {
				t.Fatal(err)
			}
			wantSale(t, x, name, forgets(entry.Name), x.buy(name))

			name = newName()
			if err := x.Open(t.Context(), name, 100); err != nil {
				t.Fatal(err)
			}
			wantPlenty(t, x, name, x.buy(name))
		})
	}
}

// fake is a strategy of functions. Those left nil must not be called.
type fake struct {
	Strategy
	buy       func(ctx context.Context, name, buyer string) (Outcome, string, error)
	open      func(name string, total int64) error
	orders    func(name string) ([]Order, error)
	remaining func(name string) (int64, error)
}

func (f fake) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	return f.buy(ctx, name, buyer)
}
func (f fake) Open(_ context.Context, name string, total int64) error { return f.open(name, total) }
func (f fake) Orders(_ context.Context, name string) ([]Order, error) { return f.orders(name) }
func (f fake) Remaining(_ context.Context, name string) (n int64, err error) {
	return f.remaining(name)
}

func TestAnswers(t *testing.T) {
	wrapped := func(err error) error { return fmt.Errorf("it \"broke\": %w", err) }
	for _, c := range []struct {
		outcome Outcome
		err     error
		status  int
		code    string
	}{
		{Sold, nil, 201, ""},
		{Replayed, nil, 200, ""},
		{SoldOut, nil, 409, "sold-out"},
		{Conflict, nil, 503, "busy"},
		{Undecided, nil, 503, "outcome-unknown"},
		{Undecided, wrapped(sale.ErrUnavailable), 503, "store-unavailable"},
		{Undecided, wrapped(sale.ErrUnknown), 503, "outcome-unknown"},
		{Undecided, wrapped(errors.New("a fault")), 503, "outcome-unknown"},
		{Undecided, wrapped(sale.ErrNoSale), 404, "sale-unknown"},
		{SoldOut, wrapped(sale.ErrUnavailable), 503, "store-unavailable"},
	} {
		t.Run(fmt.Sprintf("%v %v is %d %s", c.outcome, c.err, c.status, c.code), func(t *testing.T) {
			var asked []string
			x := serve(t, fake{buy: func(ctx context.Context, name, buyer string) (Outcome, string, error) {
				if end, ok := ctx.Deadline(); !ok || time.Until(end) > Patience {
					t.Errorf("got the deadline %v, %v, want one within %v", end, ok, Patience)
				}
				asked = append(asked, name+" "+buyer)
				return c.outcome, "the-order", c.err
			}})
			a, err := x.order(t.Context(), "sale-a", "Ada")
			if err != nil || a.unreadable != nil {
				t.Fatalf("got %v, %v", err, a.unreadable)
			}
			if diff := cmp.Diff([]string{"sale-a Ada"}, asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			if a.status != c.status || a.Code != c.code || !a.fixedSize {
				t.Errorf("got %d %q, of known size: %v, want %d %q", a.status, a.Code, a.fixedSize, c.status, c.code)
			}
			if got := a.header.Get("X-Accel-Expires"); got != "" {
				t.Errorf("got X-Accel-Expires %q: Nginx must not answer for a strategy", got)
			}
			if c.code == "" {
				wantOrder(t, a, c.outcome)
			} else {
				wantProblem(t, a, c.err)
			}
		})
	}
}

func wantOrder(t *testing.T, a answer, o Outcome) {
	t.Helper()
	if a.ID != "the-order" || a.Sale != "sale-a" || a.State != "held" || a.Quantity != 1 {
		t.Errorf("got %+v, want the order of one ticket, held", a)
	}
	if got := a.header.Get("Idempotent-Replayed") == "true"; got != (o == Replayed) {
		t.Errorf("got replayed %v, want %v", got, o == Replayed)
	}
}

func wantProblem(t *testing.T, a answer, err error) {
	t.Helper()
	if a.header.Get("Content-Type") != "application/problem+json" || a.Type != buyerapi.TypeBase+a.Code || a.Status != a.status || a.ID != "" {
		t.Errorf("got %+v, want a problem document", a)
	}
	if want := map[bool]string{true: fmt.Sprint(err)}[err != nil]; a.Detail != want {
		t.Errorf("got the detail %q, want %q", a.Detail, want)
	}
	if got := a.header.Get("Retry-After"); (got != "") != (a.status == 503) {
		t.Errorf("got Retry-After %q with status %d", got, a.status)
	}
}

func TestRefusalsThatAskNoStore(t *testing.T) {
	x := serve(t, fake{})
	bearer := func(i *cluster.Issuer, life time.Duration) string {
		token, err := i.Token("Ada", life)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + token
	}
	good := bearer(x.issuer, time.Hour)
	const path = "/v1/sales/s/orders"
	for _, c := range []struct {
		what, method, path, token, body, code string
	}{
		{"no token", "POST", path, "", one, "unauthorized"},
		{"another scheme", "POST", path, "Basic " + good[7:], one, "unauthorized"},
		{"a stranger's signature", "POST", path, bearer(cluster.NewIssuer(), time.Hour), one, "unauthorized"},
		{"an expired token", "POST", path, bearer(x.issuer, -time.Second), one, "unauthorized"},
		{"no body", "POST", path, good, "", "invalid-request"},
		{"two tickets", "POST", path, good, `{"quantity":2}`, "invalid-request"},
		{"no ticket", "POST", path, good, `{"quantity":0}`, "invalid-request"},
		{"something else", "POST", path, good, `{"tickets":1}`, "invalid-request"},
		{"something more", "POST", path, good, `{"quantity":1,"buyer":"Eve"}`, "invalid-request"},
		{"a list", "POST", path, good, `[1]`, "invalid-request"},
		{"a long body", "POST", path, good, one + strings.Repeat(" ", maxOrder), "invalid-request"},
		{"another method", "GET", path, good, "", "method-not-allowed"},
		{"another path of the sale", "POST", path + "/mine", good, one, "not-found"},
		{"the sale itself", "GET", "/v1/sales/s", "", "", "not-found"},
		{"another path", "GET", "/", "", "", "not-found"},
		{"another path of the bench", "GET", "/bench/", "", "", "not-found"},
		{"reading where one writes", "GET", openPath, "", "", "not-found"},
		{"writing where one reads", "POST", ordersPath, "", "", "not-found"},
	} {
		t.Run(c.what, func(t *testing.T) {
			a, err := x.send(t.Context(), c.method, c.path, c.token, c.body)
			if err != nil || a.Code != c.code || a.Status != a.status {
				t.Errorf("got %+v, %v, want %s", a, err, c.code)
			}
			if got := a.header.Get("WWW-Authenticate"); (got != "") != (c.code == "unauthorized") {
				t.Errorf("got WWW-Authenticate %q with %s", got, c.code)
			}
		})
	}
}

// Every refusal has a text, and the codes are the node's.
func TestDocumentsAreComplete(t *testing.T) {
	for a, title := range titles {
		if title == "" || a.Status() < 400 || !json.Valid(append(documents[a], '}')) {
			t.Errorf("%v: got %s", a, documents[a])
		}
	}
}

func TestAdmin(t *testing.T) {
	for _, count := range []int{0, 1, 30_000} {
		t.Run(fmt.Sprint(count, " orders arrive as they are"), func(t *testing.T) {
			want := []Order{}
			for i := range count {
				want = append(want, Order{ID: fmt.Sprint("order-", i), Buyer: fmt.Sprint(`b"`, i), At: time.UnixMilli(int64(i)).UTC()})
			}
			x := serve(t, fake{orders: func(string) ([]Order, error) { return want, nil }})
			got, err := x.Orders(t.Context(), "s")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("orders (-want +got):\n%.2000s", diff)
			}
		})
	}
	t.Run("names and numbers arrive as they are", func(t *testing.T) {
		var asked []any
		x := serve(t, fake{
			open:      func(name string, total int64) error { asked = append(asked, name, total); return nil },
			remaining: func(name string) (int64, error) { asked = append(asked, name); return -3, nil },
			orders:    func(name string) ([]Order, error) { asked = append(asked, name); return nil, nil },
		})
		if err := x.Open(t.Context(), "a-1", 70); err != nil {
			t.Error(err)
		}
		if n, err := x.Remaining(t.Context(), "a&b=c"); n != -3 || err != nil {
			t.Errorf("remaining: got %d, %v, want -3", n, err)
		}
		if _, err := x.Orders(t.Context(), "ü %"); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]any{"a-1", int64(70), "a&b=c", "ü %"}, asked); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
	t.Run("errors keep their kind and their text", func(t *testing.T) {
		for _, kind := range []error{sale.ErrNoSale, sale.ErrConflict, sale.ErrUnavailable, errors.New("a fault")} {
			failed := func() error { return fmt.Errorf("what happened: %w", kind) }
			x := serve(t, fake{
				open:      func(string, int64) error { return failed() },
				remaining: func(string) (int64, error) { return 0, failed() },
				orders:    func(string) ([]Order, error) { return nil, failed() },
			})
			_, err1 := x.Remaining(t.Context(), "s")
			_, err2 := x.Orders(t.Context(), "s")
			for _, err := range []error{x.Open(t.Context(), "s", 1), err1, err2} {
				kept := kind != sale.ErrNoSale && kind != sale.ErrConflict || errors.Is(err, kind)
				if err == nil || !kept || !strings.Contains(err.Error(), "what happened: "+kind.Error()) {
					t.Errorf("got %v, want %v", err, kind)
				}
			}
		}
	})
	t.Run("what is no sale is never opened", func(t *testing.T) {
		x := serve(t, fake{})
		for name, total := range map[string]int64{`a"b`: 1, "": 1, "a": -1, "b": sale.MaxTotal + 1} {
			if err := x.Open(t.Context(), name, total); err == nil {
				t.Errorf("%q of %d: got no error", name, total)
			}
		}
		if a, err := x.send(t.Context(), "POST", openPath, "", "{"); err != nil || a.status != 422 {
			t.Errorf("got %d, %v, want 422", a.status, err)
		}
	})
}

func TestServe(t *testing.T) {
	t.Run("finishes what is under way", func(t *testing.T) {
		asked, release := make(chan struct{}), make(chan struct{})
		x := serve(t, fake{buy: func(context.Context, string, string) (Outcome, string, error) {
			close(asked)
			<-release
			return Sold, "the-order", nil
		}})
		var wait sync.WaitGroup
		wait.Go(func() {
			if a, err := x.order(t.Context(), "s", "Ada"); a.status != 201 || err != nil {
				t.Errorf("got %d, %v, want 201", a.status, err)
			}
		})
		<-asked
		x.end()
		until(t, "closed port", func() bool {
			c, err := net.Dial("tcp", strings.TrimPrefix(x.URL, "http://"))
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		close(release)
		wait.Wait()
		if err := <-x.served; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
	t.Run("ends where it was ended before it began", func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := Serve(ended, "127.0.0.1:0", fake{}, nil); err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
	t.Run("a port that is taken is an error", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := Serve(t.Context(), l.Addr().String(), fake{}, nil); err == nil || !strings.Contains(err.Error(), "buyers' port") {
			t.Errorf("got %v, want the port named", err)
		}
	})
}
