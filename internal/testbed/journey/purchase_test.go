package journey_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"onsale/internal/adminapi"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/browser"
	"onsale/internal/testbed/process"
)

// tab moves the focus until it is on an element.
func tab(t *testing.T, w *browser.Window, id string) {
	t.Helper()
	const focused = "(document.activeElement.id || document.activeElement.tagName)"
	for range 15 {
		w.Press("\t")
		if browser.Eval[string](w, focused) == id {
			return
		}
	}
	t.Fatalf("got the focus on %s, want %s after a few tabs", browser.Eval[string](w, focused), id)
}

// A purchase from the first look to the paid order, by keyboard alone, with a reload at every step.
func TestTheWholePurchaseByKeyboard(t *testing.T) {
	page := here.open(t, "keyboard", 10, nil)
	w := visit(t, page)
	w.Wait(screen("sign-in"))
	tab(t, w, "go")
	w.Press("\r")
	w.Wait(screen("buy"))
	if got := browser.Eval[string](w, "location.href"); got != page {
		t.Errorf("got the address %s, want %s without the token", got, page)
	}
	if got := browser.Eval[string](w, "document.cookie + JSON.stringify({...localStorage, ...sessionStorage})"); strings.Contains(got, "eyJ") {
		t.Errorf("got %s, want no token where scripts can read it", got)
	}
	w.Reload()
	w.Wait(screen("buy"))
	tab(t, w, "more")
	w.Press("\r")
	tab(t, w, "primary")
	w.Press("\r")
	w.Wait(screen("held"))
	here.want(t, "keyboard", books{8, 2, 0})
	w.Reload()
	w.Wait(screen("held"))
	tab(t, w, "go")
	w.Press("\r")
	w.Wait("document.title === 'Sandbox payment'")
	w.Reload()
	w.Wait("document.activeElement.value === 'pay'")
	w.Press("\r")
	w.Wait(screen("paid"))
	noProblem(t, w)
	if got := browser.Eval[string](w, "location.href"); got != page {
		t.Errorf("got the address %s after the payment, want %s", got, page)
	}
	w.Reload()
	w.Wait(screen("paid"))
	here.want(t, "keyboard", books{8, 0, 2})
}

func TestADeclinedPaymentLeavesTheHold(t *testing.T) {
	w := buyer(t, here.open(t, "declined", 10, nil), "buy")
	w.Click("#primary")
	w.Wait(screen("held"))
	w.Click("#go")
	w.Click("button[value=decline]")
	w.Wait(screen("held"))
	here.want(t, "declined", books{9, 1, 0})
	w.Click("#secondary")
	w.Wait(screen("giving"))
	w.Click("#primary")
	w.Wait(screen("cancelled"))
	here.want(t, "declined", books{10, 0, 0})
}

func TestTwoTabsAreOneBuyer(t *testing.T) {
	page := here.open(t, "tabs", 10, nil)
	w := buyer(t, page, "buy")
	second := w.Tab(browser.Look{Still: true})
	second.Go(page)
	second.Wait(screen("buy"))
	for _, tab := range []*browser.Window{w, second} {
		browser.Eval[any](tab, "void setTimeout(() => document.querySelector('#primary').click())")
	}
	w.Wait(screen("held"))
	second.Wait(screen("held"))
	here.want(t, "tabs", books{9, 1, 0})
	w.Click("#go")
	w.Click("button[value=pay]")
	w.Wait(screen("paid"))
	second.Wait(screen("paid"))
	here.want(t, "tabs", books{9, 0, 1})
}

// clockOff is a script that has a page's clock differ.
func clockOff(by time.Duration) string {
	return fmt.Sprintf(`(() => { const D = Date, by = %d; window.Date = class extends D {
		constructor(...a) { a.length ? super(...a) : super(D.now() + by) }
		static now() { return D.now() + by }
	} })()`, by.Milliseconds())
}

func TestAClockThatIsADayOff(t *testing.T) {
	for name, by := range map[string]time.Duration{"fast": 24 * time.Hour, "slow": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			id := "clock-" + name
			page := here.open(t, id, 10, func(d *adminapi.Definition) {
				at := time.Now().Add(30 * time.Minute)
				d.OpensAt = &at
			})
			w := buyer(t, page, "countdown", clockOff(by))
			off := browser.Eval[float64](w, "Date.now()") - float64(time.Now().UnixMilli())
			if got := time.Duration(off) * time.Millisecond; (got - by).Abs() > time.Minute {
				t.Fatalf("got a clock %v off, want %v: the test would show nothing", got, by)
			}
			if got := w.Text("#time"); !strings.HasPrefix(got, "29:") && !strings.HasPrefix(got, "28:") && !strings.HasPrefix(got, "27:") {
				t.Errorf("got a countdown of %q, want nearly 30 minutes", got)
			}
			here.admin(t, "PATCH", "/sales/"+id, fmt.Sprintf(`{"opens_at":%q}`, time.Now().Add(2*time.Second).Format(time.RFC3339Nano)))
			for _, n := range here.Nodes {
				await.Until(t, n.Name+" to know the new opening", func() bool { return here.opens(t, n, id).Before(time.Now().Add(time.Minute)) })
			}
			w.Reload()
			w.Wait(screen("buy"))
			w.Click("#primary")
			w.Wait(screen("held"))
			// The page's clock is a lower bound of the server's: a second is what it may be behind.
			if got := w.Text("#time"); !strings.HasPrefix(got, "9:") && !strings.HasPrefix(got, "09:") && got != "10:00" && got != "10:01" {
				t.Errorf("got %q left to pay, want nearly ten minutes", got)
			}
			noProblem(t, w)
		})
	}
}

// opens is when a sale opens, as a node shows it.
func (s *site) opens(t *testing.T, n *testbed.Member, id string) time.Time {
	t.Helper()
	var d struct {
		OpensAt time.Time `json:"opens_at"`
	}
	_, body, err := process.Fetch("http://" + n.Listen + "/v1/sales/" + id)
	if err == nil {
		err = json.Unmarshal(body, &d)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d.OpensAt
}

// What comes back goes to the next in line, who waits with the page open.
func TestAReturnedTicketGoesToTheNextInLine(t *testing.T) {
	page := here.open(t, "returned", 1, func(d *adminapi.Definition) { d.Limit, d.Admission = 1, "line" })
	first := buyer(t, page, "turn")
	first.Click("#primary")
	first.Wait(screen("held"))
	next := buyer(t, page, "waiting")
	if got := next.Text("body"); strings.Contains(got, "Sold out\n") && !strings.Contains(got, "come back") {
		t.Errorf("got %q, want that tickets may come back", got)
	}
	here.want(t, "returned", books{0, 1, 0})
	first.Click("#secondary")
	first.Wait(screen("giving"))
	first.Click("#primary")
	first.Wait(screen("cancelled"))
	next.Wait(screen("turn"))
	next.Click("#primary")
	next.Wait(screen("held"))
	noProblem(t, next)
	here.want(t, "returned", books{0, 1, 0})
}

// A sale that is open to all shows that it is sold out, and notices by itself when something comes back.
func TestSoldOutIsNotTheEnd(t *testing.T) {
	page := here.open(t, "soldout", 1, nil)
	first := buyer(t, page, "buy")
	first.Click("#primary")
	first.Wait(screen("held"))
	second := buyer(t, page, "sold-out")
	first.Click("#secondary")
	first.Wait(screen("giving"))
	first.Click("#primary")
	first.Wait(screen("cancelled"))
	second.Wait(screen("buy"))
	second.Click("#primary")
	second.Wait(screen("held"))
	here.want(t, "soldout", books{0, 1, 0})
}
