// Package examples_test runs the clients that docs/examples shows, against a site that loses answers.
package examples_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/testbed"
	"onsale/internal/testbed/browser"
)

// site is a real one behind a front that loses the answer to every other purchase.
type site struct {
	*httptest.Server
	*testbed.Embedded
	orders atomic.Int64 // purchases that came
}

func start(t *testing.T) *site {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := testbed.StartEmbedded(ctx, testbed.EmbeddedOptions{Nodes: 1}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Open(ctx, adminapi.Definition{ID: "demo", Title: "Demo", Currency: "EUR", Price: 4200, Total: 3, Limit: 2}); err != nil {
		t.Fatal(err)
	}
	s := &site{Embedded: e}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: e.Nodes[0].Listen})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && s.orders.Add(1)%2 == 1 {
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // the purchase was made, its answer is lost
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Server.Close)
	return s
}

// wantOrder checks that text is an order of so many tickets, of which the answer was lost once.
func (s *site) wantOrder(t *testing.T, text string, quantity int) {
	t.Helper()
	var order struct {
		State    string
		Quantity int
	}
	if err := json.Unmarshal([]byte(text), &order); err != nil || order.State != "held" || order.Quantity != quantity {
		t.Errorf("got %q, %v, want an order that holds %d tickets", text, err, quantity)
	}
	if n := s.orders.Swap(0); n != 2 {
		t.Errorf("got %d purchases sent, want 2: the first answer was lost", n)
	}
}

func (s *site) token(t *testing.T, buyer string) string {
	t.Helper()
	token, err := s.Issuer.Token(buyer, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// run runs a client as its head documents, as this buyer.
func (s *site) run(t *testing.T, buyer string, command ...string) (output, problem string, err error) {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Env = append(os.Environ(), "SITE="+s.URL, "TOKEN="+s.token(t, buyer))
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	err = c.Run()
	return out.String(), errs.String(), err
}

func TestClients(t *testing.T) {
	s := start(t)
	for buyer, command := range map[string][]string{"curl": {"./buy.sh", "demo", "1"}, "go": {"go", "run", "./buy", "demo", "1"}} {
		text, problem, err := s.run(t, buyer, command...)
		if err != nil {
			t.Fatalf("%s: %v: %s", buyer, err, problem)
		}
		s.wantOrder(t, text, 1)
		if _, problem, err = s.run(t, buyer+"2", append(command[:len(command)-1:len(command)-1], "3")...); err == nil || !strings.Contains(problem, "quantity-limit") {
			t.Errorf("%s: got %v, %q, want a refusal with its problem document", buyer, err, problem)
		}
		s.orders.Store(0)
	}

	script, err := os.ReadFile("buy.js")
	if err != nil {
		t.Fatal(err)
	}
	w := browser.Start(t).Window(t, browser.Look{})
	w.Go(s.URL + "/v1/sales/demo")
	wait := func(expression string) string {
		t.Helper()
		browser.Eval[any](w, "void ("+expression+".then((text) => window.answer = text))")
		w.Wait("window.answer")
		return browser.Eval[string](w, "[window.answer, window.answer = ''][0]")
	}
	browser.Eval[any](w, "void (window.buy = (() => { "+string(script)+"; return buy })())")
	s.wantOrder(t, wait(`buy("demo", 1, "`+s.token(t, "js")+`").then(JSON.stringify)`), 1)
	if refusal := wait(`buy("demo", 1, "` + s.token(t, "late") + `").catch((e) => e.problem.code)`); refusal != "sold-out" {
		t.Errorf("got %q, want sold-out", refusal)
	}
}
