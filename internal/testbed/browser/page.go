package browser

import (
	"strings"
	"testing"
)

// Page is what a page did when it was opened.
type Page struct {
	Requests []string // addresses that it asked for, without its own
	Errors   []string // what it wrote to the console, and what the browser did about it
	Width    int      // of what it shows, in CSS pixels
	Content  int      // as wide as it would have to be
}

// Open opens a file in a window of so many CSS pixels, as a phone of that width does.
func Open(t testing.TB, file string, width int) Page {
	t.Helper()
	w := Start(t).Window(t, Look{Width: width, Height: 740, Mobile: true})
	own := "file://" + file
	w.Go(own)
	size := Eval[[2]int](w, "[document.documentElement.clientWidth, document.documentElement.scrollWidth]")
	page := Page{Errors: w.Faults(), Width: size[0], Content: size[1]}
	for _, address := range w.Requests() {
		if address != own && !strings.HasPrefix(address, "data:") {
			page.Requests = append(page.Requests, address)
		}
	}
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
