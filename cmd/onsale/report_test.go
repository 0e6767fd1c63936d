package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/picture/picturetest"
	"onsale/internal/testbed/browser"
)

// testReport reports on the sale of lively, see there.
func testReport(t *testing.T, r *records) {
	file := filepath.Join(t.TempDir(), "demo.html")
	page := func(want ...string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		picturetest.WantSelfContained(t, string(text))
		for _, w := range append(want, "<h1>Sale of demo</h1>", "The sale is not over", "<dd>6, of 9 tickets</dd>", `<td class="left">due (late)</td><td>1</td><td>100 EUR</td>`, "<svg", "The total was changed") {
			if !strings.Contains(string(text), w) {
				t.Errorf("got no %q in:\n%s", w, text)
			}
		}
	}
	args := []string{"sale", "report", "demo", "--config", r.stores, "-o", file}
	if out, errs, err := verb(args...); err != nil || out != "" || !strings.Contains(errs, "not over") {
		t.Fatalf("got %v, %q and %q", err, out, errs)
	}
	page("Refusals are not known")
	browser.WantOffline(t, file)
	t.Run("also without the Prometheus that was named", func(t *testing.T) {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(http.NotFoundHandler())
		defer server.Close()
		_, _, err := verb(append(args, "--prometheus", server.URL)...)
		if exitStatus(err) != exitFailed || !strings.Contains(err.Error(), "without what Prometheus has") {
			t.Errorf("got %v, want a failure", err)
		}
		page("Refusals are not known", "because it did not answer")
	})
}

func TestAReportNamesWhatItReads(t *testing.T) {
	t.Setenv("ONSALE_DATABASE_URL", "")
	for _, args := range [][]string{{"sale", "report", "demo"}, {"sale", "report", "demo", "--prometheus", "10.0.0.6:9090"}, {"sale", "report", "demo", "--prometheus", "ftp://x"}} {
		if _, _, err := verb(args...); exitStatus(err) != exitUsage {
			t.Errorf("onsale %s: got %v, want a usage error", strings.Join(args, " "), err)
		}
	}
}
