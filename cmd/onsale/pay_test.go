package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"onsale/internal/payment"
)

// receipt is what a payment was answered.
type receipt struct {
	Outcome, Reason string
	Order           struct{ ID, State string }
}

func readReceipt(t *testing.T, text string) (r receipt) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("got %q, want a receipt: %v", text, err)
	}
	return r
}

// idOf is the id in an order's document.
func idOf(t *testing.T, order string) string {
	t.Helper()
	var o struct{ ID string }
	if err := json.Unmarshal([]byte(order), &o); err != nil || o.ID == "" {
		t.Fatalf("got %q, %v, want an order", order, err)
	}
	return o.ID
}

// testPay runs the pay command that the greeting names.
func testPay(t *testing.T, greeting, order string) {
	found := regexp.MustCompile(`(?m)^ +go run ./cmd/onsale pay ("\$\(.*order.json\)") --front (\S+) --secrets (".*")$`).FindStringSubmatch(greeting)
	if found == nil {
		t.Fatalf("got no pay command in:\n%s", greeting)
	}
	// The shell takes the order's id from the file that the command before has made.
	shell := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+found[1])
	shell.Dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(shell.Dir, "order.json"), []byte(order+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := shell.Output(); err != nil || string(got) != idOf(t, order) {
		t.Errorf("got the order %q, %v from %s, want %s", got, err, found[1], idOf(t, order))
	}
	secrets, err := strconv.Unquote(found[3])
	if err != nil {
		t.Fatal(err)
	}
	pay := func(t *testing.T, more ...string) (string, error) {
		t.Helper()
		return finished(t, append([]string{"pay", idOf(t, order), "--front", found[2], "--secrets", secrets}, more...)...)
	}
	wantError := func(t *testing.T, out string, err error, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("got error %v and:\n%s\nwant an error with %q", err, out, part)
			}
		}
	}
	t.Run("with another amount pays nothing, and fails", func(t *testing.T) {
		out, err := pay(t, "--amount", "1")
		wantError(t, out, err, "refund-due")
		if got := readReceipt(t, out); got.Reason != "amount" || got.Order.State != "held" {
			t.Errorf("got %s, want amount, and the order still held", out)
		}
	})
	t.Run("pays the order", func(t *testing.T) {
		out, err := pay(t, "--payment", "pay_once")
		if got := readReceipt(t, out); err != nil || got.Outcome != "paid" || got.Order.State != "paid" {
			t.Errorf("got %v and %s, want paid", err, out)
		}
	})
	t.Run("with the same payment is no second one", func(t *testing.T) {
		out, err := pay(t, "--payment", "pay_once")
		if got := readReceipt(t, out); err != nil || got.Outcome != "paid" {
			t.Errorf("got %v and %s, want paid", err, out)
		}
	})
	t.Run("with a second payment prints that the money is due back, and fails", func(t *testing.T) {
		out, err := pay(t, "--payment", "pay_twice", "--currency", "EUR", "--amount", "4200")
		wantError(t, out, err, "pay_twice", "200", "refund-due")
		if got := readReceipt(t, out); got.Outcome != "refund-due" || got.Reason != "doubled" {
			t.Errorf("got %s, want refund-due, doubled", out)
		}
	})
	t.Run("reports a refund, which is recorded once", func(t *testing.T) {
		for range 2 {
			out, err := pay(t, "--payment", "pay_once", "--refund", "re_1", "--amount", "100")
			if got := readReceipt(t, out); err != nil || got.Outcome != "recorded" || got.Reason != "returned" || got.Order.State != "paid" {
				t.Errorf("got %v and %s, want it recorded, and the order paid", err, out)
			}
		}
		out, err := pay(t, "--payment", "pay_once", "--refund", "re_1", "--amount", "101")
		wantError(t, out, err, "409", "payment-conflict")
	})
	t.Run("reports a dispute", func(t *testing.T) {
		out, err := pay(t, "--payment", "pay_once", "--dispute", "di_1", "--amount", "4100")
		if got := readReceipt(t, out); err != nil || got.Outcome != "recorded" || got.Reason != "disputed" {
			t.Errorf("got %v and %s, want it recorded", err, out)
		}
	})
	t.Run("wants the payment that was refunded", func(t *testing.T) {
		out, err := pay(t, "--refund", "re_2")
		wantError(t, out, err, "--payment")
	})
	t.Run("of a sale that is not there fails with 404", func(t *testing.T) {
		out, err := pay(t, "--sale", "another")
		wantError(t, out, err, "sale another", "404")
	})
	t.Run("signed with another secret is refused", func(t *testing.T) {
		other := filepath.Join(t.TempDir(), "secret")
		if err := payment.NewSecret().Save(other); err != nil {
			t.Fatal(err)
		}
		out, err := pay(t, "--secrets", other)
		wantError(t, out, err, "401", "webhook-signature")
	})
}

func TestPayThatCanNotPay(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := payment.NewSecret().Save(secret); err != nil {
		t.Fatal(err)
	}
	const order = "01890000-0000-7000-8000-000000000000"
	nowhere := "http://" + dead(t, "site", 1).Address
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"without a secret leads to dev":        {[]string{order, "--secrets", secret + "-else"}, []string{"onsale dev", secret + "-else"}},
		"with a site that is away fails":       {[]string{order, "--front", nowhere, "--wait", "300ms"}, []string{"no answer from the site", "300ms", "connection refused"}},
		"without an order":                     {nil, []string{"expected \"<order>\"", "--help"}},
		"of something that is no order":        {[]string{"order", "--amount", "1", "--currency", "EUR"}, []string{"order: want a UUID"}},
		"of something that is no sale":         {[]string{order, "--sale", "A/../B"}, []string{"sale id"}},
		"with a currency that is none":         {[]string{order, "--amount", "1", "--currency", "euro"}, []string{"currency: want three capital letters"}},
		"with a payment's id that can't be":    {[]string{order, "--amount", "1", "--currency", "EUR", "--payment", "a b"}, []string{"payment id"}},
		"with a front that is no address":      {[]string{order, "--front", "http://a b"}, []string{"--front"}},
		"with a front that lacks http://":      {[]string{order, "--front", "127.0.0.1:8080"}, []string{"--front", "http://127.0.0.1:8080"}},
		"for no ticket":                        {[]string{order, "--quantity", "0"}, []string{"--quantity 0"}},
		"with several faults names all":        {[]string{"order", "--amount", "1", "--currency", "euro"}, []string{"order: want", "currency: want"}},
		"with a site that stays away gives up": {[]string{order, "--amount", "1", "--currency", "EUR", "--front", nowhere, "--wait", "300ms"}, []string{payment.ErrUndelivered.Error(), "connection refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := finished(t, append([]string{"pay", "--secrets", secret}, test.args...)...)
			for _, part := range test.want {
				if err == nil || !strings.Contains(err.Error(), part) || out != "" {
					t.Errorf("got error %v and %q, want one with %q and no output", err, out, part)
				}
			}
		})
	}
}

// pay sent a payment of nothing, which is due to go back.
func TestPayOfAFreeOrderSendsNothing(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := payment.NewSecret().Save(secret); err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			sent.Add(1)
		}
		_, _ = io.WriteString(w, `{"price":0,"currency":"EUR","outcome":"refund-due"}`)
	}))
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	args := []string{"pay", "01890000-0000-7000-8000-000000000000", "--secrets", secret, "--front", s.URL}
	if out, err := finished(t, args...); err == nil || !strings.Contains(err.Error(), "costs nothing") || out != "" || sent.Load() != 0 {
		t.Errorf("got %q, %v and %d payments sent, want none: the sale costs nothing", out, err, sent.Load())
	}
	// Who plays a provider that errs may.
	if _, err := finished(t, append(args, "--amount", "1")...); err == nil || sent.Load() != 1 {
		t.Errorf("got %v and %d payments sent, want the one that was asked for refused", err, sent.Load())
	}
}

// pay gave up at once if the site failed for a moment, and when its time was up
// it did not report what the site had answered.
func TestPayRetriesWhileTheSiteFails(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := payment.NewSecret().Save(secret); err != nil {
		t.Fatal(err)
	}
	// Each path answers 503 so often before it answers well.
	begin := func(prices, payments int64) string {
		var asked, paid atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			count, failures, good := &asked, prices, `{"price":4200,"currency":"EUR"}`
			if r.Method == http.MethodPost {
				count, failures, good = &paid, payments, `{"outcome":"paid"}`
			}
			if count.Add(1) <= failures {
				http.Error(w, "store-unavailable", http.StatusServiceUnavailable)
				return
			}
			_, _ = io.WriteString(w, good)
		}))
		t.Cleanup(s.Close)
		t.Cleanup(http.DefaultClient.CloseIdleConnections)
		return s.URL
	}
	const order = "01890000-0000-7000-8000-000000000000"
	if out, err := finished(t, "pay", order, "--secrets", secret, "--front", begin(1, 1)); err != nil || !strings.Contains(out, "paid") {
		t.Errorf("got %v and %q, want it paid", err, out)
	}
	for name, front := range map[string]string{"no price": begin(1000, 0), "no payment": begin(0, 1000)} {
		_, err := finished(t, "pay", order, "--secrets", secret, "--front", front, "--wait", "500ms")
		if err == nil || !strings.Contains(err.Error(), "503 Service Unavailable") {
			t.Errorf("%s: got %v, want the last answer in it", name, err)
		}
	}
}
