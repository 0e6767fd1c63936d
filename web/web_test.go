package web_test

import (
	"html"
	"io/fs"
	"strings"
	"testing"

	problems "onsale/internal/problem"
	"onsale/web"
)

func TestAddressesLeadToFiles(t *testing.T) {
	for address, want := range map[string]string{
		"/":                         "index.html",
		"/sales/demo":               "sale.html",
		"/problems/":                "problems/index.html",
		"/problems/sold-out":        "problems/sold-out.html",
		"/problems/sold-out.html":   "",
		"/problems":                 "",
		"/problems/none":            "",
		"/sales/demo/":              "",
		"/sales/Demo":               "",
		"/sales/":                   "",
		"/sales/demo/orders":        "",
		"/assets/":                  "",
		"/assets/../index.html":     "",
		"/assets/../web.go":         "",
		"/web.go":                   "",
		"/index.html":               "",
		"/assets/there-is-no-such":  "",
		"/v1/sales/demo":            "",
		"":                          "",
		"/assets/..%2findex.html":   "",
		"/assets//../../index.html": "",
	} {
		got, ok := web.Find(address)
		if ok != (want != "") {
			t.Errorf("%q: got %v, want %q", address, ok, want)
		}
		if !ok {
			continue
		}
		body, err := fs.ReadFile(web.Files, want)
		if err != nil || string(got.Body) != string(body) || got.Type != "text/html; charset=utf-8" {
			t.Errorf("%q: got %q of type %q (%v), want %s", address, got.Body, got.Type, err, want)
		}
	}
}

func TestEveryFileHasAnAddressATypeAndATag(t *testing.T) {
	tags, files := map[string]string{}, 0
	err := fs.WalkDir(web.Files, "assets", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		got, ok := web.Find("/" + path)
		if !ok || got.Type == "" {
			t.Errorf("%s: got type %q (%v), want one: Nginx and web.go have a table of them", path, got.Type, ok)
		}
		if other := tags[got.ETag]; other != "" {
			t.Errorf("%s and %s have the same tag", path, other)
		}
		tags[got.ETag] = path
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("got %d files (%v), want some", files, err)
	}
}

func TestEveryProblemsTypeLeadsToItsPage(t *testing.T) {
	for _, p := range problems.Table() {
		page, ok := web.Find(problems.TypeBase + p.Code)
		if !ok || !strings.Contains(string(page.Body), "<h1>"+html.EscapeString(p.Title)+"</h1>") {
			t.Errorf("%s: got %v %q, want its page", p.Code, ok, page.Body)
		}
	}
}
