package journey_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"onsale/internal/testbed/browser"
)

// A page of another site has the buyer's browser send purchases, by a form and by a script.
func TestNoOtherSiteBuysForABuyer(t *testing.T) {
	page := here.open(t, "crosssite", 10, nil)
	orders := here.Front() + "/v1/sales/crosssite/orders"
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><title>evil</title><link rel="icon" href="data:,">
			<form method="post" enctype="text/plain" action="%s"><input type="hidden" name='{"quantity":1}'></form>
			<script>var sent = fetch("%s", { method: "POST", mode: "no-cors", credentials: "include", body: '{"quantity":1}' }).then(r => r.type, String)</script>`, orders, orders)
	}))
	defer evil.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(evil.URL, "http://"), ":")

	w := browser.Start(t).Window(t, browser.Look{Still: true})
	w.Go(page)
	w.Click("#go")
	w.Wait(screen("buy"))
	for name, c := range map[string]struct{ address, code string }{
		// The browser sends the cookie to all ports of a host.
		"under the same host":  {"http://127.0.0.1:" + port, "cross-site"},
		"under another domain": {"http://localhost:" + port, "unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			w.Go(c.address)
			if got := browser.Eval[string](w, "sent"); got != "opaque" {
				t.Errorf("got %q of the script's request, want that it was sent", got)
			}
			browser.Eval[any](w, "void setTimeout(() => document.forms[0].submit())")
			w.Wait(fmt.Sprintf("location.href === %q", orders))
			if got := w.Text("body"); !strings.Contains(got, `"code":"`+c.code+`"`) {
				t.Errorf("got %s for the form, want %s", got, c.code)
			}
			w.Go(page)
			w.Wait(screen("buy"))
			here.want(t, "crosssite", books{10, 0, 0})
		})
	}
	w.Click("#primary")
	w.Wait(screen("held"))
	here.want(t, "crosssite", books{9, 1, 0})
}
