package nginx_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"onsale/internal/testbed/await"
)

// watch runs watch.sh beside e until the test ends, and returns its output.
func watch(t *testing.T, e *edge) *lines {
	t.Helper()
	script, err := filepath.Abs("watch.sh")
	if err != nil {
		t.Fatal(err)
	}
	output := &lines{}
	cmd := exec.Command("sh", script, "site/upstream.conf", binary(t), "-e", "stderr", "-p", e.Prefix, "-c", "nginx.conf")
	cmd.Dir, cmd.Stderr = e.Prefix, output
	cmd.Env = append(os.Environ(), "INTERVAL=0.05")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an early exit shows as the error below
		if err := cmd.Wait(); err != nil {
			t.Errorf("watch.sh ended with %v, want a clean end on SIGTERM", err)
		}
	})
	return output
}

// replace swaps upstream.conf as the allocator does: whole.
func (e *edge) replace(t *testing.T, text string) {
	t.Helper()
	next := filepath.Join(e.Prefix, "upstream.next")
	write(t, next, text)
	if err := os.Rename(next, filepath.Join(e.Prefix, "site", "upstream.conf")); err != nil {
		t.Fatal(err)
	}
}

func TestWatcherReloadsOnChange(t *testing.T) {
	t.Parallel()
	e := start(t, site{})
	output := watch(t, e)
	sold := func() bool { return e.buy(t, "demo").StatusCode == http.StatusCreated }

	e.replace(t, servers(startNode(t, sells)))
	await.Until(t, "the new node sells", sold)

	e.replace(t, "server nonsense weight=;")
	await.Until(t, "the fault is reported", func() bool { return strings.Contains(output.String(), "cannot reload") })
	if !sold() {
		t.Error("a broken file stopped the sale, want the old nodes kept")
	}
	again := startNode(t, sells)
	e.replace(t, servers(again))
	await.Until(t, "the mended file is used", func() bool { return sold() && again.Requests.Load() > 0 })
	if got := strings.Count(output.String(), "cannot reload"); got != 1 {
		t.Errorf("the fault was reported %d times, want once:\n%s", got, output)
	}
}
