package board

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed/browser"
)

var pictures = flag.String("pictures", "", "folder where pictures of the page are put; empty: none")

// enter gives the page the token, as an operator does.
func enter(w *browser.Window, address string) {
	w.Go(address)
	w.Wait(`document.activeElement.id === "token"`)
	w.Press(token + "\r")
	w.Wait(`document.querySelector("#nodes tbody tr")`)
}

// busy is a site of a hundred nodes in the middle of a sale.
func busy(t *testing.T) (*fake, string) {
	t.Helper()
	f := newFake(100, 300)
	address := f.serve(t).URL + "/board?sale=sale-0001"
	begin := time.Now().Add(-4 * time.Minute)
	set := func(change func()) { // Redis answers meanwhile
		f.feed.mu.Lock()
		defer f.feed.mu.Unlock()
		change()
	}
	set(func() { f.feed.now = func() time.Time { return begin } })
	for i := range int64(240) {
		set(func() { begin = begin.Add(time.Second) })
		v := f.stock("sale-0001", 10_000, i*i*10_000/(4*240*240), i*8_000/(2*240))
		v.Reading.At = sale.Instant(begin.UnixMilli())
		if i == 100 {
			f.feed.NodeUpdated(sale.Node{Name: "n012", Ready: true, Drained: true})
		}
		if i > 160 && i < 170 {
			continue // Redis is away
		}
		if i == 160 {
			set(func() {
				f.feed.away = true
				f.feed.happened(&f.feed.site, Event{Kind: RedisAway})
			})
		}
		if i%60 == 30 {
			f.feed.Planned("sale-0001", sale.Generation(begin.UnixMilli()), "low", 100)
		}
		f.survey(v)
	}
	set(func() { f.feed.now = time.Now })
	return f, address
}

// TestThreeOfAHundredNodesAreKilled is on a page that many look at: each is in the timeline within two seconds, and
// nothing is written to the console.
func TestThreeOfAHundredNodesAreKilled(t *testing.T) {
	f, address := busy(t)
	w := browser.Start(t).Window(t, browser.Look{Width: 1440, Height: 900, Still: true})
	enter(w, address)
	w.Wait(`document.querySelectorAll("#nodes tbody tr").length === 100`)
	// The page notes by itself when an entry came: asking it takes time, too.
	browser.Eval[bool](w, `(() => {
		window.came = {};
		new MutationObserver(() => {
			for (const li of document.querySelectorAll("#timeline li")) came[li.innerText.match(/n\d+/)?.[0]] ??= Date.now();
		}).observe(document.querySelector("#timeline ol"), { childList: true, subtree: true, characterData: true });
		return true;
	})()`)
	for _, name := range []string{"n007", "n050", "n093"} {
		begun := time.Now()
		f.kill(name)
		w.Wait(fmt.Sprintf(`document.querySelector("#timeline ol").innerText.includes("%s stopped answering")`, name))
		took := time.UnixMilli(int64(browser.Eval[float64](w, fmt.Sprintf("came[%q]", name)))).Sub(begun)
		t.Logf("%s was in the timeline after %v", name, took.Round(time.Millisecond))
		if took > 2*time.Second {
			t.Errorf("%s: got it in the timeline after %v, want 2 s at most", name, took)
		}
	}
	f.feed.Planned("sale-0001", 1764316999000, "membership", 97)
	w.Wait(`document.querySelector("#nodes-text").innerText.startsWith("97 sell, 3 killed")`)
	w.Wait(`document.querySelector("#news").textContent.includes("stopped answering")`)
	if got := browser.Eval[string](w, `document.querySelector("#nodes tbody tr").innerText`); !strings.Contains(got, "killed") {
		t.Errorf("got the first node %q, want one that was killed", got)
	}
	w.Click("#curve-table summary")
	w.Wait(`document.querySelectorAll("#curve-table tbody tr").length > 5`)
	checkLooks(t, w)
	w.Click("#curve-table summary")
	for name, look := range map[string]browser.Look{
		"light": {Width: 1440, Height: 900, Still: true}, "dark": {Width: 1440, Height: 900, Still: true, Dark: true},
	} {
		w.Show(look)
		time.Sleep(700 * time.Millisecond) // a frame
		checkContrast(t, w, name)
		if *pictures != "" {
			if err := os.WriteFile(filepath.Join(*pictures, name+".png"), small(t, w.Picture()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.Show(browser.Look{Width: 390, Height: 800, Mobile: true, Still: true})
	if got := browser.Eval[int](w, "document.documentElement.scrollWidth"); got > 390 {
		t.Errorf("got a page of %d pixels on a phone, want no horizontal scrolling", got)
	}
	if faults := w.Faults(); len(faults) > 0 {
		t.Errorf("got %q in the console, want nothing", faults)
	}
}

// checkLooks: all fits one screen, what scrolls is reached by the keyboard, and drawings have names.
func checkLooks(t *testing.T, w *browser.Window) {
	t.Helper()
	if got := browser.Eval[bool](w, "document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth"); !got {
		t.Error("got a page that scrolls, want one screen")
	}
	if got := browser.Eval[int](w, `[...document.querySelectorAll(".scroll")].filter((e) => e.tabIndex !== 0).length`); got > 0 {
		t.Errorf("got %d parts that scroll and can't be reached by keyboard", got)
	}
	images := 0
	for _, n := range w.Nodes() {
		if n.Role == "image" || n.Role == "img" {
			images++
			if n.Name == "" || n.Description == "" {
				t.Errorf("got a drawing %+v, want a name and a description", n)
			}
		}
	}
	if images < 2 {
		t.Errorf("got %d drawings in the accessibility tree, want the bar and the curve", images)
	}
}

// checkContrast computes the contrast of every text with what is behind it.
func checkContrast(t *testing.T, w *browser.Window, name string) {
	t.Helper()
	const script = `(() => {
		const rgb = (c) => c.match(/[\d.]+/g).map(Number);
		const lum = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
		const back = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if ((c[3] ?? 1) > 0) return c; } return [255, 255, 255]; };
		const poor = [];
		let seen = 0;
		for (const e of document.querySelectorAll("body *")) {
			if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility() || e.closest(".unseen")) continue;
			seen++;
			const style = getComputedStyle(e), a = lum(rgb(e instanceof SVGElement ? style.fill : style.color)), b = lum(back(e));
			const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			if (ratio < 4.5) poor.push(e.tagName + " " + e.textContent.trim().slice(0, 30) + " " + ratio.toFixed(2));
		}
		return [String(seen), ...new Set(poor)];
	})()`
	got := browser.Eval[[]string](w, script)
	if len(got) > 1 || got[0] == "0" {
		t.Errorf("%s: got %s texts, of which these have too little contrast: %q", name, got[0], got[1:])
	}
}
