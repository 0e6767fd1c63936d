package journey_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/adminapi"
	"onsale/internal/buyerapi"
	"onsale/internal/operate"
	"onsale/internal/payment"
	"onsale/internal/testbed"
	"onsale/internal/testbed/browser"
	"onsale/internal/testbed/process"
	"onsale/internal/testbed/sandbox"
)

// site is the one that all tests visit, each with sales and buyers of its own.
type site struct {
	*testbed.Site
	ctx    context.Context
	others *sandbox.Sandbox
}

// here is started by TestMain.
var here *site

func TestMain(m *testing.M) {
	if err := run(m); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var errFailed = errors.New("tests failed")

func run(m *testing.M) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	// The providers' addresses are settings of the nodes, and they have to know the site's.
	port, err := process.FreePort()
	if err != nil {
		return err
	}
	front := "http://" + process.Loopback(port)
	issuer, secret := testbed.NewIssuer(), payment.NewSecret()
	config := payment.DefaultConfig()
	config.URL = front + buyerapi.WebhookPath
	payer, err := payment.NewPayer(secret, http.DefaultClient, config, payment.Hooks{})
	if err != nil {
		return err
	}
	others, err := sandbox.New(payer, issuer, front+"/", func(err error) { fmt.Fprintln(os.Stderr, err) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, others.Close()) }()
	s, err := testbed.Start(ctx, testbed.Options{
		Nodes: 3, Allocators: 1, Ledgers: 1, Balancer: true, Port: port, Issuer: issuer, Payments: secret,
		NodeArgs: []string{"--drain-delay", "500ms", "--sign-in-url", others.SignIn()},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	here = &site{Site: s, ctx: ctx, others: others}
	if m.Run() != 0 {
		return errFailed
	}
	return here.auditAll()
}

// auditAll audits every sale that was opened.
func (s *site) auditAll() (err error) {
	ids, err := operate.Sales(s.ctx, s.Stores(), zap.NewNop())
	if err != nil {
		return err
	}
	for _, id := range ids {
		a, aerr := operate.Audit(s.ctx, s.Stores(), id, 0, zap.NewNop())
		err = errors.Join(err, aerr)
		for _, f := range a.Faults {
			err = errors.Join(err, fmt.Errorf("audit of %s: %s", id, f))
		}
	}
	return err
}

// open opens a sale of so many tickets, and returns the address of its page.
func (s *site) open(t *testing.T, id string, tickets int64, change func(*adminapi.Definition)) string {
	t.Helper()
	d := adminapi.Definition{ID: id, Title: "Tides", Currency: "EUR", Price: 4200, Total: tickets, Limit: 4, PayURL: s.others.PayURL()}
	if change != nil {
		change(&d)
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	if err := s.Open(ctx, d); err != nil {
		t.Fatal(err)
	}
	return s.Front() + "/sales/" + id
}

// books are what Redis has of a sale.
type books struct{ Remaining, Held, Paid int64 }

func (s *site) want(t *testing.T, id string, want books) {
	t.Helper()
	body, err := s.AdminCall(s.ctx, http.MethodGet, "/admin/v1/sales/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got books
	if err := json.Unmarshal(body, &got); err != nil || got != want {
		t.Errorf("got %+v of %s (%v), want %+v", got, id, err, want)
	}
}

// admin makes a call of the operators' API.
func (s *site) admin(t *testing.T, method, path, body string) {
	t.Helper()
	if _, err := s.AdminCall(s.ctx, method, "/admin/v1"+path, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// screen is an expression that holds while the page shows it.
func screen(name string) string { return "document.body.dataset.screen === '" + name + "'" }

// visit opens a page in a window with a profile of its own, and wants nothing on its console in the end.
func visit(t *testing.T, address string, before ...string) *browser.Window {
	t.Helper()
	w := browser.Start(t).Window(t, browser.Look{Still: true})
	for _, script := range before {
		w.Before(script)
	}
	t.Cleanup(func() {
		if faults := w.Faults(); len(faults) > 0 {
			t.Errorf("got %q, want nothing on the console", faults)
		}
	})
	w.Go(address)
	w.Wait("document.body.dataset.screen && document.body.dataset.screen !== 'loading'")
	return w
}

// buyer visits a page and signs in by its own link, as somebody who was not there before.
func buyer(t *testing.T, address, then string, before ...string) *browser.Window {
	t.Helper()
	w := visit(t, address, before...)
	w.Click("#go")
	w.Wait(screen(then))
	return w
}

// noProblem fails the test if the page shows one.
func noProblem(t *testing.T, w *browser.Window) {
	t.Helper()
	if browser.Eval[bool](w, "document.querySelector('#notice').checkVisibility()") {
		t.Errorf("got %q, want no error", w.Text("#notice"))
	}
}
