package browser

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Look is what a window shows itself as.
type Look struct {
	Width, Height int     // in CSS pixels; 1100 × 900 by default
	Mobile        bool    // a phone
	Dark          bool    // its user prefers dark colours
	Still         bool    // its user prefers no motion
	Slow          float64 // so many times slower a CPU
	Language      string  // what its user reads, such as "de-CH"; "en" by default
}

// Window is a window of a browser. A call that fails, or waits for longer than two minutes, ends the test.
type Window struct {
	t   TB
	ctx context.Context

	mu       sync.Mutex
	faults   []string
	requests []string
}

// Window opens a window with a profile of its own.
func (b *Browser) Window(t TB, look Look) *Window {
	t.Helper()
	return open(t, b.ctx, look, chromedp.WithNewBrowserContext())
}

// Tab opens another window with the same profile.
func (w *Window) Tab(look Look) *Window {
	w.t.Helper()
	return open(w.t, w.ctx, look)
}

func open(t TB, parent context.Context, look Look, options ...chromedp.ContextOption) *Window {
	t.Helper()
	ctx, closed := chromedp.NewContext(parent, options...)
	t.Cleanup(closed)
	w := &Window{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, w.note); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	w.do(append(look.apply(), call(performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks}))...)
	return w
}

// Show changes how a window shows itself; what is loaded stays.
func (w *Window) Show(look Look) {
	w.t.Helper()
	w.do(look.apply()...)
}

func (l Look) apply() []chromedp.Action[chromedp.Void] {
	width, height, language := l.Width, l.Height, l.Language
	if width == 0 {
		width, height = 1100, 900
	}
	if language == "" {
		language = "en"
	}
	scheme, motion := "light", "no-preference"
	if l.Dark {
		scheme = "dark"
	}
	if l.Still {
		motion = "reduce"
	}
	var viewport []chromedp.EmulateViewportOption
	if l.Mobile {
		viewport = append(viewport, chromedp.EmulateMobile)
	}
	return []chromedp.Action[chromedp.Void]{
		chromedp.EmulateViewport(int64(width), int64(height), viewport...),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: motion},
		}}),
		call(emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: max(1, l.Slow)}),
		call(emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: "Mozilla/5.0 (test) Chrome/1", AcceptLanguage: language}),
	}
}

func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	})
}

func (w *Window) do(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		w.t.Fatalf("chromium: %v", err)
	}
}

// note remembers what is wrong with a page. An answer of the API that is a problem is not: browsers report
// each that is no success.
func (w *Window) note(event any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.requests = append(w.requests, e.Request.URL)
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork || !strings.Contains(e.Entry.URL, "/v1/") {
			w.faults = append(w.faults, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventConsoleAPICalled:
		var args []string
		for _, a := range e.Args {
			args = append(args, string(a.Value)+a.Description)
		}
		w.faults = append(w.faults, fmt.Sprintf("%s on the console: %s", e.Type, strings.Join(args, " ")))
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if o := e.ExceptionDetails.Exception; o != nil {
			text = o.Description
		}
		w.faults = append(w.faults, text)
	}
}

// Faults are what pages wrote to the console, uncaught exceptions, and what the browser reported: files that are missing, or
// that a policy forbids.
func (w *Window) Faults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.faults...)
}

// Requests are the addresses that pages asked for, their own as well.
func (w *Window) Requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.requests...)
}

// Go opens an address and waits until it is loaded.
func (w *Window) Go(address string) {
	w.t.Helper()
	w.do(chromedp.Navigate(address))
}

// Reload loads the page again.
func (w *Window) Reload() {
	w.t.Helper()
	w.do(chromedp.Reload())
}

// Back goes back in the history. It does not wait: a page that the browser has kept is not loaded again.
func (w *Window) Back() {
	w.t.Helper()
	w.do(chromedp.Evaluate[chromedp.Void]("void setTimeout(() => history.back())"))
}

// Click clicks what a CSS selector finds, once it is visible.
func (w *Window) Click(selector string) {
	w.t.Helper()
	w.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Press presses keys, one after the other: text, or what package kb of chromedp names, such as "\t" and "\r".
func (w *Window) Press(keys string, options ...chromedp.KeyOption) {
	w.t.Helper()
	w.do(chromedp.KeyEvent(keys, options...))
}

// Wait waits until a JavaScript expression is truthy, also across pages.
func (w *Window) Wait(expression string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !Eval[bool](w, fmt.Sprintf("(() => { try { return Boolean(%s) } catch { return false } })()", expression)) {
		if time.Now().After(deadline) {
			w.t.Fatalf("got no %s within %v, the page has %q and faults %q", expression, patience, Eval[string](w, "document.body.innerText"), w.Faults())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Text is what the first element of a CSS selector shows.
func (w *Window) Text(selector string) string {
	w.t.Helper()
	return Eval[string](w, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// Eval evaluates a JavaScript expression, and awaits it if it is a promise.
func Eval[T any](w *Window, expression string) T {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	for err != nil && ctx.Err() == nil && strings.Contains(err.Error(), "context") { // the page was left meanwhile
		time.Sleep(20 * time.Millisecond)
		v, err = chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	}
	if err != nil {
		w.t.Fatalf("chromium: %s: %v", expression, err)
	}
	return v
}

// Picture is the whole page as a PNG.
func (w *Window) Picture() []byte {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	b, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		w.t.Fatalf("chromium: %v", err)
	}
	return b
}

// Node is an element as assistive technology has it.
type Node struct{ Role, Name, Description string }

// Nodes is the accessibility tree in reading order, without what is ignored.
func (w *Window) Nodes() []Node {
	w.t.Helper()
	var nodes []Node
	w.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		tree, err := cdp.Call(ctx, target, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			return err
		}
		byID := map[accessibility.NodeID]*accessibility.Node{}
		for _, n := range tree.Nodes {
			byID[n.NodeID] = n
		}
		var walk func(n *accessibility.Node)
		walk = func(n *accessibility.Node) {
			if n == nil {
				return
			}
			if !n.Ignored {
				nodes = append(nodes, Node{value(n.Role), value(n.Name), value(n.Description)})
			}
			for _, id := range n.ChildIDs {
				walk(byID[id])
			}
		}
		walk(tree.Nodes[0])
		return nil
	}))
	return nodes
}

// value is the text of a value of the accessibility tree.
func value(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	return strings.Trim(string(v.Value), `"`)
}

// Close closes the window, before the test's end.
func (w *Window) Close() { _ = chromedp.Cancel(w.ctx) }
