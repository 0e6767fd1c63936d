package web_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/testbed/await"
	"onsale/internal/testbed/browser"
)

// TestJourneys is what buyers do, and what happens to them.
func TestJourneys(t *testing.T) {
	b := browser.Start(t)
	for name, run := range map[string]func(*testing.T, *browser.Browser){
		"a purchase by keyboard alone":                         aPurchaseByKeyboardAlone,
		"a lost answer is one order and no error":              aLostAnswerIsOneOrderAndNoError,
		"what a browser sends twice is one order":              whatABrowserSendsTwiceIsOneOrder,
		"sold out is shown only after the order was asked for": soldOutIsShownOnlyAfterTheOrderWasAskedFor,
		"reloading loses nothing":                              reloadingLosesNothing,
		"an answer of before the purchase changes nothing":     anAnswerOfBeforeThePurchaseChangesNothing,
		"tabs and devices show the same order":                 tabsAndDevicesShowTheSameOrder,
		"a place is kept on another device":                    aPlaceIsKeptOnAnotherDevice,
		"a minute without connection":                          aMinuteWithoutConnection,
		"back shows what happened meanwhile":                   backShowsWhatHappenedMeanwhile,
		"a challenge is solved before joining":                 aChallengeIsSolvedBeforeJoining,
		"signing in leaves no token in the address":            signingInLeavesNoTokenInTheAddress,
		"a hidden tab notices the turn":                        aHiddenTabNoticesTheTurn,
		"a token that nobody asked for signs nobody in":        aTokenThatNobodyAskedForSignsNobodyIn,
		"languages are the readers":                            languagesAreTheReaders,
		"the live region does not chatter":                     theLiveRegionDoesNotChatter,
		"a slow phone is served":                               aSlowPhoneIsServed,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, b)
		})
	}
}

func screen(name string) string { return "document.body.dataset.screen === '" + name + "'" }

const focused = "(document.activeElement.id || document.activeElement.tagName)"

// journey opens the page of a site whose buyer is signed in.
func journey(t *testing.T, b *browser.Browser, change func(*site)) (*site, *browser.Window) {
	t.Helper()
	s, w := start(t), b.Window(t, browser.Look{Still: true})
	s.set(func(s *site) { s.buyer = "alice" })
	if change != nil {
		s.set(change)
	}
	w.Go(s.URL + "/sales/demo")
	w.Wait("document.body.dataset.screen && document.body.dataset.screen !== 'loading'")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the page asked for %q", s.requests(""))
		}
		if faults := w.Faults(); len(faults) > 0 {
			t.Errorf("got %q, want nothing on the console", faults)
		}
	})
	return s, w
}

// tab moves the focus until it is on an element, and checks that it can be seen there.
func tab(t *testing.T, w *browser.Window, id string) {
	t.Helper()
	for range 12 {
		w.Press("\t")
		if browser.Eval[string](w, focused) == id {
			if got := browser.Eval[string](w, "getComputedStyle(document.activeElement).outlineStyle"); got != "solid" {
				t.Errorf("%s: got outline %s, want the focus to be visible", id, got)
			}
			return
		}
	}
	t.Fatalf("got the focus on %s, want %s after a few tabs", browser.Eval[string](w, focused), id)
}

func aPurchaseByKeyboardAlone(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, lined)
	tab(t, w, "primary")
	w.Press("\r")
	w.Wait(screen("waiting"))
	if got := browser.Eval[string](w, focused); got != "headline" {
		t.Errorf("got the focus on %s, want it at the headline, as the button is gone", got)
	}
	s.merge(map[string]any{"line": map[string]any{"joined": 812, "front": 57, "rate": 100}})
	w.Wait(screen("turn"))
	w.Wait("document.querySelector('#status').textContent.startsWith('It is your turn')")
	tab(t, w, "more")
	w.Press("\r")
	tab(t, w, "primary")
	w.Press("\r")
	w.Wait(screen("held"))
	if got := s.requests("POST /orders"); !slices.Equal(got, []string{"POST /orders place=token-of-7"}) {
		t.Errorf("got %q, want one purchase, with the place", got)
	}
	if got := w.Text("#headline"); got != "2 tickets held for you" {
		t.Errorf("got %q, want 2 tickets", got)
	}
	tab(t, w, "go")
	if got := browser.Eval[string](w, "document.activeElement.textContent"); got != "Pay €84.00" {
		t.Errorf("got %q, want the address to pay at", got)
	}
	tab(t, w, "secondary")
	w.Press("\r")
	tab(t, w, "primary")
	w.Press(" ")
	w.Wait(screen("cancelled"))
}

func aLostAnswerIsOneOrderAndNoError(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, nil)
	s.then("POST /orders", answer{lost: true, do: func(s *site) { s.order = held(1, 10*time.Minute) }})
	w.Click("#primary")
	w.Wait(screen("held"))
	got := s.requests("POST /orders")
	if len(got) != 2 || strings.Contains(got[0], "key=") || !strings.Contains(got[1], "key=") {
		t.Errorf("got %q, want a second try with a key", got)
	}
	if browser.Eval[bool](w, "document.querySelector('#notice').checkVisibility()") {
		t.Errorf("got %q, want no error", w.Text("#notice"))
	}
}

// The browser's own second try has no key, and is answered as that of a stranger.
func whatABrowserSendsTwiceIsOneOrder(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, nil)
	s.then("POST /orders", answer{broken: true, do: func(s *site) { s.order = held(1, 10*time.Minute) }}, answer{status: 409, code: "sold-out"})
	w.Click("#primary")
	w.Wait(screen("held"))
	if got := s.requests("POST /orders"); len(got) != 2 {
		t.Errorf("got %q, want two tries", got)
	}
}

func soldOutIsShownOnlyAfterTheOrderWasAskedFor(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, nil)
	gone := func(s *site) { s.sale["state"] = "sold-out" }
	s.then("POST /orders", answer{status: 503, code: "busy", header: map[string]string{"Onsale-Retried": "1"}}, answer{status: 409, code: "sold-out", do: gone})
	before := len(s.requests("GET /orders/mine"))
	w.Click("#primary")
	w.Wait(screen("sold-out"))
	if got := len(s.requests("GET /orders/mine")); got != before+1 {
		t.Errorf("got %d questions for the order, want %d", got, before+1)
	}
	if got := w.Text("#text"); !strings.Contains(got, "held or paid") {
		t.Errorf("got %q, want the truth", got)
	}
}

func reloadingLosesNothing(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, lined)
	w.Click("#primary")
	w.Wait(screen("waiting"))
	w.Reload()
	w.Wait(screen("waiting"))
	s.merge(map[string]any{"line": map[string]any{"joined": 812, "front": 57, "rate": 100}})
	w.Wait(screen("turn"))
	s.then("POST /orders", answer{wait: make(chan struct{})})
	w.Click("#primary")
	w.Wait(screen("buying"))
	w.Reload()
	w.Wait(screen("held"))
	if got := s.requests("POST /orders"); len(got) != 2 || !strings.Contains(got[1], "key=") {
		t.Errorf("got %q, want the purchase sent again with its key", got)
	}
	if got := s.requests("POST /line"); len(got) != 1 {
		t.Errorf("got %q, want one join", got)
	}
	w.Reload()
	w.Wait(screen("held"))
}

// The page asks for the order, and buys while that answer is on its way: there is no order, it has.
func anAnswerOfBeforeThePurchaseChangesNothing(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, nil)
	w.Wait(screen("buy"))
	const answers = "performance.getEntriesByType('resource').filter(e => e.name.endsWith('/orders/mine')).length"
	asked, answered := len(s.requests("GET /orders/mine")), browser.Eval[int](w, answers)
	late := make(chan struct{})
	s.then("GET /orders/mine", answer{wait: late, status: 404, code: "order-unknown"})
	browser.Eval[any](w, "void dispatchEvent(new Event('online'))")
	await.Until(t, "the page to ask for the order", func() bool { return len(s.requests("GET /orders/mine")) > asked })
	w.Click("#primary")
	w.Wait(screen("held"))
	close(late)
	w.Wait(answers + " > " + strconv.Itoa(answered))
	if got := browser.Eval[string](w, "document.body.dataset.screen"); got != "held" {
		t.Errorf("got %s, want the order to stay", got)
	}
}

func tabsAndDevicesShowTheSameOrder(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, nil)
	second := w.Tab(browser.Look{})
	second.Go(s.URL + "/sales/demo")
	second.Wait(screen("buy"))
	w.Click("#primary")
	w.Wait(screen("held"))
	second.Wait(screen("held"))

	device := b.Window(t, browser.Look{Width: 360, Height: 640, Mobile: true})
	device.Go(s.URL + "/sales/demo")
	device.Wait(screen("held"))
	device.Click("#secondary")
	device.Wait(screen("giving"))
	device.Click("#primary")
	device.Wait(screen("cancelled"))
}

func aPlaceIsKeptOnAnotherDevice(t *testing.T, b *browser.Browser) {
	_, w := journey(t, b, func(s *site) {
		lined(s)
		s.place, s.known = place("57", 57), true
	})
	w.Click("#primary")
	w.Wait(screen("waiting"))
	if got := w.Text("#notice"); !strings.HasPrefix(got, "You are in the line already") {
		t.Errorf("got %q, want that the place is the one of before", got)
	}
}

func aMinuteWithoutConnection(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, func(s *site) { s.order = held(2, 9*time.Minute) })
	s.set(func(s *site) { s.down = true })
	w.Wait("document.querySelector('#lost').checkVisibility()")
	if got := browser.Eval[string](w, "document.body.dataset.screen"); got != "held" {
		t.Errorf("got %s, want what is known to stay", got)
	}
	s.set(func(s *site) { s.down, s.order = false, ended("paid") })
	browser.Eval[any](w, "void dispatchEvent(new Event('online'))") // as browsers do
	w.Wait(screen("paid"))
	w.Wait("!document.querySelector('#lost').checkVisibility()")
}

func backShowsWhatHappenedMeanwhile(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, func(s *site) { s.order = held(2, 9*time.Minute) })
	w.Go(s.URL + "/")
	s.set(func(s *site) { s.order = ended("paid") })
	w.Back()
	w.Wait(screen("paid"))
}

func aChallengeIsSolvedBeforeJoining(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, func(s *site) {
		lined(s)
		s.work = true
	})
	w.Click("#primary")
	w.Wait(screen("waiting"))
	if got := s.requests("POST /line"); len(got) != 2 {
		t.Errorf("got %q, want a join without proof and one with it", got)
	}
}

func signingInLeavesNoTokenInTheAddress(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, func(s *site) { s.buyer = "" })
	w.Wait(screen("sign-in"))
	w.Click("#go")
	w.Wait("location.pathname === '/dev/sign-in'")
	to := browser.Eval[string](w, "new URLSearchParams(location.search).get('return')")
	if to != s.URL+"/sales/demo" {
		t.Errorf("got %q, want the page's address", to)
	}
	w.Go(to + "#token=alice")
	w.Wait(screen("buy"))
	if got := browser.Eval[string](w, "location.href"); got != s.URL+"/sales/demo" {
		t.Errorf("got %s, want the token out of the address", got)
	}
	if got := s.requests("POST /v1/session"); len(got) != 1 {
		t.Errorf("got %q, want one session", got)
	}
}

// With a link of their own, others could have the buyer act, and pay, as somebody else.
func aTokenThatNobodyAskedForSignsNobodyIn(t *testing.T, b *browser.Browser) {
	s := start(t)
	s.set(func(s *site) { s.buyer = "" })
	w := b.Window(t, browser.Look{})
	w.Go(s.URL + "/sales/demo#token=mallory")
	w.Wait(screen("sign-in"))
	if got := browser.Eval[string](w, "location.hash"); got != "" {
		t.Errorf("got %s in the address, want the token dropped", got)
	}
	if got := s.requests("POST /v1/session"); len(got) != 0 {
		t.Errorf("got %q, want no session", got)
	}
}

// Browsers hold back the timers of a hidden tab: here they never fire.
func aHiddenTabNoticesTheTurn(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, lined)
	w.Click("#primary")
	w.Wait(screen("waiting"))
	browser.Eval[any](w, `void (Object.defineProperty(document, "hidden", { get: () => true }), document.dispatchEvent(new Event("visibilitychange")), window.setTimeout = () => 0, Array.from({ length: 100000 }, (_, i) => clearTimeout(i)))`)
	s.merge(map[string]any{"line": map[string]any{"joined": 812, "front": 57, "rate": 100}})
	w.Wait("document.title.startsWith('It is your turn')")
}

func languagesAreTheReaders(t *testing.T, b *browser.Browser) {
	s := start(t)
	w := b.Window(t, browser.Look{Language: "de-CH,fr"})
	w.Go(s.URL + "/sales/demo")
	w.Wait(screen("sign-in"))
	if got := [2]string{browser.Eval[string](w, "document.documentElement.lang"), w.Text("#headline")}; got != [2]string{"de-CH", "Jetzt im Verkauf"} {
		t.Errorf("got %q, want German", got)
	}
	browser.Eval[any](w, "(l => { l.value = 'zh'; l.dispatchEvent(new Event('change')) })(document.querySelector('#language'))")
	w.Wait("document.documentElement.lang === 'zh'")
	w.Reload()
	w.Wait("document.documentElement.lang === 'zh'")
	w.Wait("document.querySelector('#headline').innerText === '正在销售'")
}

func theLiveRegionDoesNotChatter(t *testing.T, b *browser.Browser) {
	s, w := journey(t, b, lined)
	w.Click("#primary")
	w.Wait(screen("waiting"))
	browser.Eval[any](w, `void (window.spoken = [], new MutationObserver(() => spoken.push([performance.now(), document.querySelector("#status").textContent])).observe(document.querySelector("#status"), { childList: true, characterData: true, subtree: true }))`)
	for front := range 60 {
		s.merge(map[string]any{"line": map[string]any{"joined": 812, "front": front, "rate": 1}})
		time.Sleep(250 * time.Millisecond) // the front moves by the wall's clock, as the page's
	}
	w.Wait(screen("turn"))
	w.Wait("spoken.at(-1)[1].startsWith('It is your turn')")
	spoken := browser.Eval[[][2]any](w, "spoken")
	for i := range spoken {
		if i > 0 && spoken[i][0].(float64)-spoken[i-1][0].(float64) < 4900 {
			t.Errorf("got %q, want five seconds between two", spoken)
		}
	}
}

// What is bounded is the page's own work, as the time until it is ready depends on who else uses the machine.
func aSlowPhoneIsServed(t *testing.T, b *browser.Browser) {
	s := start(t)
	s.set(func(s *site) { s.buyer = "alice" })
	w := b.Window(t, browser.Look{Width: 360, Height: 640, Mobile: true, Slow: 6})
	w.Go(s.URL + "/sales/demo")
	w.Wait(screen("buy"))
	work := w.Work()
	got := browser.Eval[struct {
		Ready         float64
		Bytes, Number int
	}](w, `(() => {
		const files = [...performance.getEntriesByType("resource"), ...performance.getEntriesByType("navigation")].filter(e => !e.name.includes("/v1/"))
		return { Ready: performance.getEntriesByName("ready")[0].startTime, Bytes: files.reduce((n, e) => n + e.decodedBodySize, 0), Number: files.length }
	})()`)
	t.Logf("on a CPU six times slower: ready to buy after %.0f ms, of which the page worked %v; %d files of %d bytes", got.Ready, work, got.Number, got.Bytes)
	if limit := 5 * time.Second; work == 0 || work > limit {
		t.Errorf("got %v of work, want at most %v", work, limit)
	}
	if got.Bytes > weight || got.Number > 20 {
		t.Errorf("got %d bytes in %d files, want at most %d in 20", got.Bytes, got.Number, weight)
	}
	if elsewhere := browser.Eval[int](w, `performance.getEntriesByType("resource").filter(e => !e.name.startsWith(location.origin)).length`); elsewhere > 0 {
		t.Errorf("got %d requests to other sites, want none", elsewhere)
	}
}
