// Package picturetest checks that a page can be opened offline.
package picturetest

import (
	"regexp"
	"strings"
	"testing"
)

// reference is all by which a page can fetch something: elements that do, attributes
// that name an address, and what a style can import.
var reference = regexp.MustCompile(`(?i)<(script|link|img|iframe|object|embed|base|image|use|form|video|audio|source)\b|\b(src|srcset|href|action|data|poster)\s*=|url\(|@import|@font-face`)

// namespaces are names that look like addresses, and are never fetched.
var namespaces = regexp.MustCompile(`xmlns(:xlink)?="http://www\.w3\.org/(2000/svg|1999/xlink)"`)

// WantSelfContained fails the test if the page refers to anything outside itself, or lets its browser load something.
func WantSelfContained(t testing.TB, page string) {
	t.Helper()
	text := namespaces.ReplaceAllString(page, "")
	if got := reference.FindAllString(text, -1); len(got) > 0 {
		t.Errorf("got references %q, want none", got)
	}
	if i := strings.Index(text, "://"); i >= 0 {
		t.Errorf("got an address: …%s…, want none", text[max(0, i-40):min(len(text), i+40)])
	}
	if !strings.Contains(text, `content="default-src 'none'; style-src 'unsafe-inline'"`) {
		t.Error("got no policy that forbids its browser to load anything, want one")
	}
}
