package strategy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
	"onsale/internal/token"
)

// site is a front that a test serves.
type site struct {
	Admin
	issuer *testbed.Issuer
	end    context.CancelFunc
	served chan error // what Serve returned
}

// serve serves the strategy on a free port until the test ends, with all the
// patience that a busy machine needs.
func serve(t *testing.T, s Strategy) site {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x := site{issuer: testbed.NewIssuer(), served: make(chan error, 1)}
	x.URL = "http://" + l.Addr().String()
	verifier := verifierOf(t, x.issuer)
	var ctx context.Context
	ctx, x.end = context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		x.served <- (&front{s, verifier, slow}).serve(ctx, l)
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		x.end()
		<-ended
	})
	await.Until(t, "front", func() bool { return x.Ready(t.Context()) == nil })
	return x
}

func verifierOf(t *testing.T, issuer *testbed.Issuer) *token.Verifier {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := issuer.Save(file); err != nil {
		t.Fatal(err)
	}
	v, err := token.LoadVerifier(file, token.Config{Audiences: []string{testbed.Audience}})
	if err != nil {
		t.Fatal(err)
	}
	return v
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

// buy is order with a strategy's outcomes. Any 503 is a conflict: a buyer asks again.
func (x site) buy(name string) purchase {
	return func(ctx context.Context, buyer string) (Outcome, string, error) {
		a, err := x.order(ctx, name, buyer)
		switch {
		case err != nil:
			return NoOutcome, "", err
		case a.status == http.StatusCreated:
			return Sold, a.ID, nil
		case a.status == http.StatusOK:
			return Replayed, a.ID, nil
		case a.Code == "sold-out":
			return SoldOut, "", nil
		case a.status == http.StatusServiceUnavailable:
			return Conflict, "", nil
		}
		return NoOutcome, "", fmt.Errorf("got %+v", a)
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

func TestServe(t *testing.T) {
	t.Run("finishes what is under way", func(t *testing.T) {
		asked, release := make(chan struct{}), make(chan struct{})
		var finished atomic.Bool
		x := serve(t, fake{buy: func(context.Context, string, string) (Outcome, string, error) {
			close(asked)
			<-release
			finished.Store(true)
			return Sold, "the-order", nil
		}})
		var wait sync.WaitGroup
		wait.Go(func() {
			if a, err := x.order(t.Context(), "s", "Ada"); a.status != 201 || err != nil {
				t.Errorf("got %d, %v, want 201", a.status, err)
			}
		})
		<-asked
		early := make(chan bool, 1)
		go func() {
			err := <-x.served
			early <- !finished.Load()
			x.served <- err
		}()
		x.end()
		await.Until(t, "closed port", func() bool {
			c, err := net.Dial("tcp", strings.TrimPrefix(x.URL, "http://"))
			if err == nil {
				c.Close()
			}
			return err != nil
		})
		close(release)
		wait.Wait()
		if <-early {
			t.Error("got the front ended while a purchase was under way, want it to wait")
		}
		if err := <-x.served; err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
	t.Run("gives a purchase the node's patience and no more", func(t *testing.T) {
		// Port 0 would be right, but nobody would know it.
		port, err := process.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		x := site{issuer: testbed.NewIssuer()}
		x.URL = "http://" + process.Loopback(port)
		ctx, end := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() {
			served <- Serve(ctx, process.Loopback(port), fake{buy: func(ctx context.Context, _, _ string) (Outcome, string, error) {
				if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > Patience {
					t.Errorf("got the deadline %v, %v, want one within %v", deadline, ok, Patience)
				}
				return SoldOut, "", nil
			}}, verifierOf(t, x.issuer))
		}()
		await.Until(t, "front", func() bool { return x.Ready(t.Context()) == nil })
		if a, err := x.order(t.Context(), "s", "Ada"); a.status != 409 || err != nil {
			t.Errorf("got %d, %v, want 409", a.status, err)
		}
		http.DefaultClient.CloseIdleConnections()
		end()
		if err := <-served; err != nil {
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
