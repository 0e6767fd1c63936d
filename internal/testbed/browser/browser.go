// Package browser opens pages in a headless Chromium, for tests.
package browser

import (
	"context"
	"onsale/internal/testbed/process"
	"os"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds each call; a machine under load needs seconds for the browser alone.
const patience = 2 * time.Minute

// Browser is a Chromium that runs until the test ends. Its windows share cookies and storage only where they have the
// same profile.
type Browser struct{ ctx context.Context }

// Start starts a Chromium.
func Start(t TB) *Browser {
	t.Helper()
	path, err := process.Find("chromium", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(patience))
	if os.Geteuid() == 0 { // for whom Chromium has no sandbox
		options = append(options, chromedp.NoSandbox)
	}
	ctx, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closed := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // which waits for the browser's end
		closed()
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return &Browser{ctx}
}
