package browser_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/testbed/browser"
)

func TestStepsOutsideOfATest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte("<title>here</title>"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("that succeed have no error", func(t *testing.T) {
		var title string
		err := browser.Outside(t.Context(), func(t browser.TB) {
			w := browser.Start(t).Window(t, browser.Look{})
			w.Go("file://" + file)
			title = w.Text("title")
		})
		if err != nil || title != "here" {
			t.Errorf("got %v and the title %q, want none and here", err, title)
		}
	})
	t.Run("end with the first that fails", func(t *testing.T) {
		var done []string
		err := browser.Outside(t.Context(), func(t browser.TB) {
			t.Cleanup(func() { done = append(done, "first") })
			t.Cleanup(func() { done = append(done, "second") })
			t.Fatalf("no %s", "button")
			done = append(done, "more")
		})
		if err == nil || err.Error() != "no button" || !slices.Equal(done, []string{"second", "first"}) {
			t.Errorf("got %v and %q, want the failure, and both cleanups in reverse", err, done)
		}
	})
	t.Run("end with their context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		begun := time.Now()
		err := browser.Outside(ctx, func(t browser.TB) {
			w := browser.Start(t).Window(t, browser.Look{})
			time.AfterFunc(100*time.Millisecond, cancel)
			w.Wait("window.never")
		})
		if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "within") {
			t.Errorf("got %v after %v, want the interruption", err, time.Since(begun))
		}
	})
}
