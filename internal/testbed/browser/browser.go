// Package browser opens pages in a headless Chromium, for tests.
package browser

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"onsale/internal/testbed/process"
)

// Page is what a page did when it was opened.
type Page struct {
	Requests []string // addresses that it asked for, without its own
	Errors   []string // what it wrote to the console, and what the browser did about it
	Width    int      // of what it shows, in CSS pixels
	Content  int      // as wide as it would have to be
}

// patience bounds opening a page; a machine under load needs seconds for the browser alone.
const patience = 2 * time.Minute

// Open opens a file in a window of so many CSS pixels, as a phone of that width does.
func Open(t testing.TB, file string, width int) Page {
	t.Helper()
	path, err := process.Find("chromium", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(patience))
	if os.Geteuid() == 0 { // for whom Chromium has no sandbox
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ctx, end := chromedp.NewExecAllocator(ctx, options...)
	defer end()
	ctx, closed := chromedp.NewContext(ctx)
	defer closed()
	defer func() { _ = chromedp.Cancel(ctx) }() // which waits for the browser's end

	var mu sync.Mutex
	var page Page
	own := "file://" + file
	if err := chromedp.Listen(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if e.Request.URL != own && !strings.HasPrefix(e.Request.URL, "data:") {
				page.Requests = append(page.Requests, e.Request.URL)
			}
		case *log.EventEntryAdded:
			page.Errors = append(page.Errors, e.Entry.Text)
		case *runtime.EventConsoleAPICalled:
			page.Errors = append(page.Errors, fmt.Sprint(e.Type, " on the console"))
		case *runtime.EventExceptionThrown:
			text := e.ExceptionDetails.Text
			if o := e.ExceptionDetails.Exception; o != nil {
				text = o.Description
			}
			page.Errors = append(page.Errors, text)
		}
	}); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), 740, chromedp.EmulateMobile), chromedp.Navigate(own)); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	size, err := chromedp.Run(ctx, chromedp.Evaluate[[2]int]("[document.documentElement.clientWidth, document.documentElement.scrollWidth]"))
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	page.Width, page.Content = size[0], size[1]
	return page
}

// WantOffline fails the test if a page asks for anything, has an error, or is wider than a phone.
func WantOffline(t testing.TB, file string) {
	t.Helper()
	const phone = 360
	page := Open(t, file, phone)
	if len(page.Requests) > 0 || len(page.Errors) > 0 {
		t.Errorf("got requests %q and errors %q in Chromium, want none", page.Requests, page.Errors)
	}
	if page.Width != phone || page.Content > page.Width {
		t.Errorf("got a page of %d pixels in %d on a phone, want no horizontal scrolling", page.Content, page.Width)
	}
}
