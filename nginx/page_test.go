package nginx_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pageHeaders are what page.conf adds to an answer, by name.
func pageHeaders(t *testing.T) map[string]string {
	t.Helper()
	headers := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^add_header (\S+) "(.*)" always;$`).FindAllStringSubmatch(shipped(t, "page.conf"), -1) {
		headers[m[1]] = m[2]
	}
	if len(headers) < 7 || headers["Content-Security-Policy"] == "" {
		t.Fatalf("got headers %v in page.conf, want all of them", headers)
	}
	return headers
}

func TestPagesAreServedWithoutANode(t *testing.T) {
	t.Parallel()
	e := start(t, site{})
	headers := pageHeaders(t)
	for path, file := range map[string]string{"/": "index.html", "/sales/demo": "sale.html", "/sales/demo?x=1": "sale.html", "/assets/icon.svg": "assets/icon.svg",
		"/problems/": "problems/index.html", "/problems/sold-out": "problems/sold-out.html", "/problems/problems.css": "problems/problems.css"} {
		want := shipped(t, "../web/"+file)
		a := e.do(t, "GET", path, "")
		wantStatus(t, a, http.StatusOK)
		if a.Text != want {
			t.Errorf("%s: got %q, want %s", path, a.Text, file)
		}
		for name, value := range headers {
			wantHeader(t, a, name, value)
		}
		again := e.do(t, "GET", path, "", "If-None-Match: "+a.Header.Get("ETag"))
		wantStatus(t, again, http.StatusNotModified)
		wantHeader(t, again, "Content-Security-Policy", headers["Content-Security-Policy"])
	}
	wantHeader(t, e.do(t, "GET", "/sales/demo", ""), "Content-Type", "text/html; charset=utf-8")
	wantHeader(t, e.do(t, "GET", "/assets/icon.svg", ""), "Content-Type", "image/svg+xml; charset=utf-8")
	for _, path := range []string{"/sales/", "/sales/demo/", "/sales/Demo", "/assets/", "/assets", "/assets/none.js", "/assets/../web.go", "/assets/%2e%2e/nginx.conf", "/web.go", "/index.html", "/site/listen.conf", "/problems/none", "/problems/sold-out.html", "/problems"} {
		wantProblem(t, e.do(t, "GET", path, ""), http.StatusNotFound, "not-found", "")
	}
	wantProblem(t, e.do(t, "POST", "/sales/demo", "{}"), http.StatusMethodNotAllowed, "method-not-allowed", "")
}

// A browser does not run a script that comes as something else.
func TestEveryFileOfAPageHasAType(t *testing.T) {
	t.Parallel()
	e := start(t, site{})
	for _, end := range []string{"html", "css", "js", "json", "svg", "png"} {
		write(t, filepath.Join(e.Prefix, "web", "assets", "x."+end), "x")
		if got := e.do(t, "GET", "/assets/x."+end, "").Header.Get("Content-Type"); got == "" || strings.HasPrefix(got, "application/octet-stream") {
			t.Errorf("%s: got type %q", end, got)
		}
	}
	files, err := filepath.Glob("../web/assets/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if stat, err := os.Stat(file); err != nil || stat.IsDir() {
			continue
		}
		if got := e.do(t, "GET", "/assets/"+filepath.Base(file), "").Header.Get("Content-Type"); strings.HasPrefix(got, "application/octet-stream") {
			t.Errorf("%s: got type %q", file, got)
		}
	}
}

func TestPagesAreCompressedAndAnswersAreNot(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, strings.Repeat(" ", 4000), "{}")
	})
	e := start(t, site{Upstream: servers(n)})
	long := strings.Repeat("let a = 1;\n", 500)
	write(t, filepath.Join(e.Prefix, "web", "assets", "long.js"), long)
	a := e.do(t, "GET", "/assets/long.js", "", "Accept-Encoding: gzip")
	wantStatus(t, a, http.StatusOK)
	wantHeader(t, a, "Content-Encoding", "gzip")
	wantHeader(t, a, "Vary", "Accept-Encoding")
	r, err := gzip.NewReader(bytes.NewReader([]byte(a.Text)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != long {
		t.Errorf("got %q (%v) unpacked, want the file", got, err)
	}
	if len(a.Text) > len(long)/10 {
		t.Errorf("got %d of %d bytes, want far fewer", len(a.Text), len(long))
	}
	again := e.do(t, "GET", "/assets/long.js", "", "Accept-Encoding: gzip", "If-None-Match: "+a.Header.Get("ETag"))
	wantStatus(t, again, http.StatusNotModified)
	wantHeader(t, e.do(t, "GET", "/v1/sales/demo", "", "Accept-Encoding: gzip"), "Content-Encoding", "")
}

// A page is several files: they must not use up what buyers behind one address may ask.
func TestPagesDoNotCountAgainstTheLimitOfBuyers(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("{}")) })
	e := &edge{Addr: freeAddr(t), Prefix: lay(t), client: http.DefaultClient}
	write(t, filepath.Join(e.Prefix, "site", "listen.conf"), "listen "+e.Addr+";")
	write(t, filepath.Join(e.Prefix, "site", "upstream.conf"), servers(n))
	limits := strings.NewReplacer("127.0.0.0/8 0", "127.0.0.0/8 1", "rate=100r/s", "rate=1r/m", "burst=500 ", "burst=5 ").Replace(shipped(t, "site/limits.conf"))
	write(t, filepath.Join(e.Prefix, "site", "limits.conf"), limits)
	e.run(t, nil)
	for range 50 {
		wantStatus(t, e.do(t, "GET", "/assets/icon.svg", ""), http.StatusOK)
	}
	wantStatus(t, e.do(t, "GET", "/v1/sales/demo/orders/mine", ""), http.StatusOK)
	limited := false
	for range 20 {
		limited = limited || e.do(t, "GET", "/v1/sales/demo/orders/mine", "").StatusCode == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("the API is not limited: this test would not notice if pages counted")
	}
}
