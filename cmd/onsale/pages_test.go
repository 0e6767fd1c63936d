package main

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"onsale/nginx"
	"onsale/web"
)

func TestFrontServesPages(t *testing.T) {
	e := lead(t, nil) // no node is there to ask
	get := func(path string, header ...string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, e.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := e.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer, string(body)
	}
	for path, file := range map[string]string{"/": "index.html", "/sales/demo": "sale.html", "/assets/icon.svg": "assets/icon.svg"} {
		want, err := web.Files.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		answer, body := get(path)
		if answer.StatusCode != http.StatusOK || body != string(want) {
			t.Errorf("%s: got %s %q, want %s", path, answer.Status, body, file)
		}
		for _, h := range web.Headers {
			if got := answer.Header.Get(h.Name); got != h.Value {
				t.Errorf("%s: got %s %q, want %q", path, h.Name, got, h.Value)
			}
		}
		again, body := get(path, "If-None-Match", answer.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("ETag") != answer.Header.Get("ETag") {
			t.Errorf("%s: got %s %q with the tag of a file that has not changed, want 304", path, again.Status, body)
		}
		if other, _ := get(path, "If-None-Match", `"other"`); other.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s with the tag of an earlier file, want 200", path, other.Status)
		}
	}
	answer, err := e.client.Post(e.url+"/sales/demo", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("got %s for a POST of a page, want 405", answer.Status)
	}
	if answer, _ := get("/assets/none.js"); answer.StatusCode != http.StatusBadGateway {
		t.Errorf("got %s for a file that is not there, want what the nodes answer", answer.Status)
	}
}

// What is tried with dev has to hold behind Nginx.
func TestNginxServesPagesWithTheSameHeaders(t *testing.T) {
	conf, err := nginx.Files.ReadFile("page.conf")
	if err != nil {
		t.Fatal(err)
	}
	var got []web.Header
	for _, m := range regexp.MustCompile(`(?m)^add_header (\S+) "(.*)" always;$`).FindAllStringSubmatch(string(conf), -1) {
		got = append(got, web.Header{Name: m[1], Value: m[2]})
	}
	if !slices.Equal(got, web.Headers) {
		t.Errorf("got %q in nginx/page.conf, want those of package web: %q", got, web.Headers)
	}
}
