package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"onsale/internal/testbed/browser"
)

// TestStates shows each state to a phone of 320 pixels, which is also a window of 1280 at 400 % zoom, in light and dark.
func TestStates(t *testing.T) {
	b := browser.Start(t)
	for _, st := range states {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			w := b.Window(t, browser.Look{Width: 320, Height: 600, Mobile: true, Still: true})
			defer w.Close()
			st.open(start(t), w)
			if got := browser.Eval[int](w, "document.documentElement.scrollWidth"); got > 320 {
				t.Errorf("got %d pixels, want no horizontal scrolling in 320", got)
			}
			checkNodes(t, w)
			checkTargets(t, w)
			for _, dark := range []bool{false, true} {
				w.Show(browser.Look{Width: 320, Height: 600, Mobile: true, Still: true, Dark: dark})
				checkContrast(t, w, dark)
			}
			if faults := w.Faults(); len(faults) > 0 {
				t.Errorf("got %q, want nothing on the console and nothing that the policy forbids", faults)
			}
			if *update {
				take(t, st.name, w)
			}
		})
	}
}

// checkNodes checks what assistive technology gets: a language, one main heading, headings in order, and a name for everything that
// can be operated.
func checkNodes(t *testing.T, w *browser.Window) {
	t.Helper()
	var roles []string
	for _, n := range w.Nodes() {
		roles = append(roles, n.Role)
		switch n.Role {
		case "button", "link", "spinbutton", "combobox", "progressbar", "heading", "region":
			if strings.TrimSpace(n.Name) == "" {
				t.Errorf("got a %s without a name", n.Role)
			}
		}
	}
	for _, want := range []string{"main", "heading", "status", "region", "combobox", "contentinfo"} {
		if !slices.Contains(roles, want) {
			t.Errorf("got roles %q, want %s among them", roles, want)
		}
	}
	if got := browser.Eval[string](w, `[...document.querySelectorAll("h1,h2,h3")].filter(h => h.offsetParent).map(h => h.tagName).join(" ")`); !strings.HasPrefix(got, "H1 H2") || strings.Count(got, "H1") != 1 {
		t.Errorf("got headings %s, want one H1 and then H2", got)
	}
	if got := browser.Eval[string](w, "document.documentElement.lang"); got != "en" {
		t.Errorf("got language %q, want en", got)
	}
	if got := browser.Eval[string](w, "document.title"); got == "" || got == "Sale" {
		t.Errorf("got title %q, want what is shown", got)
	}
}

// checkTargets checks the size of what can be operated: WCAG 2.2 has 24 pixels, fingers want 44.
func checkTargets(t *testing.T, w *browser.Window) {
	t.Helper()
	small := browser.Eval[[]string](w, `[...document.querySelectorAll("button,a,input,select")].filter(e => e.offsetParent)
		.filter(e => { const r = e.getBoundingClientRect(); return r.width < 36 || r.height < 36 }).map(e => e.outerHTML)`)
	if len(small) > 0 {
		t.Errorf("got %q, want no target under 36 pixels", small)
	}
}

// contrasts computes, for every element that shows text of its own, the contrast of WCAG between its colour and the first
// background behind it that is not transparent.
const contrasts = `(() => {
	const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
	const parts = c => c.match(/[\d.]+/g).map(Number)
	const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
	const behind = e => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] }
	const found = []
	for (const e of document.querySelectorAll("body *")) {
		const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || e.matches("input,select")
		if (!own || !e.offsetParent || e.matches(".unseen, option, :disabled")) continue
		const [a, b] = [light(parts(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x)
		found.push({ Text: e.textContent.trim() || e.value, Ratio: (a + 0.05) / (b + 0.05) })
	}
	return found
})()`

func checkContrast(t *testing.T, w *browser.Window, dark bool) {
	t.Helper()
	found := browser.Eval[[]struct {
		Text  string
		Ratio float64
	}](w, contrasts)
	if len(found) < 4 {
		t.Errorf("got %d texts, want those of the page", len(found))
	}
	for _, f := range found {
		if f.Ratio < 4.5 {
			t.Errorf("got a contrast of %.2f for %q (dark: %v), want at least 4.5", f.Ratio, f.Text, dark)
		}
	}
}

// A check of the contrast that passes everything would be no check.
func TestBadContrastIsFound(t *testing.T) {
	w := browser.Start(t).Window(t, browser.Look{})
	w.Go("data:text/html,<body style='background:white'><p style='color:rgb(118,118,118)'>good<p style='color:rgb(120,120,120)'>bad<p style='background:black;color:white'>best")
	var got []string
	for _, f := range browser.Eval[[]struct {
		Text  string
		Ratio float64
	}](w, contrasts) {
		got = append(got, fmt.Sprintf("%s %.2f", f.Text, f.Ratio))
	}
	if want := []string{"good 4.54", "bad 4.42", "best 21.00"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
