package browser_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onsale/internal/testbed/browser"
)

// Whatever is wrong with a page has to be seen, or no page is ever wrong.
func TestFaultsOfAPageAreSeen(t *testing.T) {
	page := open(t, `<img src="http://127.0.0.1:9/x.png"><div style="width: 500px">wide</div><script>console.error("no"); undefined.x</script>`)
	if !slices.Equal(page.Requests, []string{"http://127.0.0.1:9/x.png"}) {
		t.Errorf("got requests %q, want that of the image", page.Requests)
	}
	errors := strings.Join(page.Errors, "\n")
	for _, want := range []string{"error on the console", "TypeError", "ERR_"} {
		if !strings.Contains(errors, want) {
			t.Errorf("got errors %q, want %q among them", page.Errors, want)
		}
	}
	if page.Width != 360 || page.Content < 500 {
		t.Errorf("got %d pixels in %d, want 500 or more in 360", page.Content, page.Width)
	}
}

func TestAGoodPageHasNoFaults(t *testing.T) {
	if page := open(t, "<p>Hello."); len(page.Requests) > 0 || len(page.Errors) > 0 || page.Width != 360 || page.Content != 360 {
		t.Errorf("got %+v, want no request, no error, and 360 pixels in 360", page)
	}
}

func open(t *testing.T, body string) browser.Page {
	t.Helper()
	file := filepath.Join(t.TempDir(), "page.html")
	text := `<!DOCTYPE html><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,"><body>` + body
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return browser.Open(t, file, 360)
}
