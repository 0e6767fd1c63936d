package testbed_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
)

// front is a real Nginx, with an allocator and a node that only answer what they
// are asked for here.
type front struct {
	*testbed.Site
	node    string       // host:port
	selling atomic.Int64 // how many nodes the allocator reports in force
}

func startFront(t *testing.T) *front {
	t.Helper()
	dir, err := os.MkdirTemp("", "onsale-front-") // t.TempDir is closed to Nginx's workers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	nginx, err := process.StartNginx(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nginx.Stop(5 * time.Second); err != nil {
			t.Error(err)
		}
	})
	idle, err := process.Start(dir, "a01", "/bin/sleep", []string{"600"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := idle.Kill(); err != nil {
			t.Error(err)
		}
	})
	f := &front{}
	allocator := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/metrics" {
			fmt.Fprintf(w, "# TYPE onsale_upstream_selling_nodes gauge\nonsale_upstream_selling_nodes %d\n", f.selling.Load())
		}
	})
	f.node = serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"status":404,"code":"sale-unknown"}`)
	})
	f.Site = &testbed.Site{Nginx: nginx, Allocators: []*testbed.Member{{Process: idle, Admin: allocator}}}
	return f
}

// serve returns the host:port of a server that ends with the test.
func serve(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// await gives AwaitUpstream so long to find one node.
func (f *front) await(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return f.AwaitUpstream(ctx, 1)
}

func (f *front) wantAwaited(t *testing.T, what, because string) {
	t.Helper()
	if err := f.await(time.Second); err == nil || !strings.Contains(err.Error(), because) {
		t.Errorf("%s: got %v, want it awaited: %s", what, err, because)
	}
}

// TestUpstreamIsAwaitedUntilNginxServesIt follows a publication step by step.
// The file comes first: a caller that waited for the file alone let buyers come while
// Nginx still tested it, and they got a 502.
func TestUpstreamIsAwaitedUntilNginxServesIt(t *testing.T) {
	t.Parallel()
	f := startFront(t)
	f.wantAwaited(t, "nothing is published", "0 selling nodes, want 1")

	if err := os.WriteFile(f.Nginx.Upstream, []byte("server "+f.node+";\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	f.wantAwaited(t, "the file is written", "no allocator has reloaded nginx")

	f.selling.Store(1)
	f.wantAwaited(t, "nginx is to reload, and has yet to do so", "nginx answers 502")

	reload := exec.CommandContext(t.Context(), f.Nginx.Reload[0], f.Nginx.Reload[1:]...)
	if out, err := reload.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := f.await(20 * time.Second); err != nil {
		t.Fatalf("nginx has read the file: %v", err)
	}
	// As buyers do, on connections of their own.
	for i := range 50 {
		if status, body, err := process.Fetch(f.Front() + "/v1/sales/s"); err != nil || status != http.StatusNotFound {
			t.Fatalf("request %d: got %d, %s, %v, want the node's 404", i, status, body, err)
		}
	}

	f.selling.Store(0)
	f.wantAwaited(t, "the allocator takes it back", "no allocator has reloaded nginx")
}
