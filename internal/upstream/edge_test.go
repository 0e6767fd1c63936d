package upstream_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/testbed/process"
	"onsale/internal/upstream"
)

// edge is a private Nginx with the shipped configuration.
type edge struct {
	addr, dir string
	client    *http.Client
}

// argv is a command line of this edge's Nginx.
func (e *edge) argv(args ...string) []string {
	return append([]string{"nginx", "-e", "stderr", "-p", e.dir, "-c", "nginx.conf"}, args...)
}

// publish makes a publisher's configuration drive this edge.
func (e *edge) publish(c *upstream.Config) {
	c.Test, c.Reload = e.argv("-t", "-q"), e.argv("-s", "reload")
}

func startEdge(t *testing.T) *edge {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // the workers must get in
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	n, err := process.StartNginx(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := &edge{addr: process.Loopback(n.Port), dir: filepath.Dir(filepath.Dir(n.Upstream)), client: &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 32},
	}}
	t.Cleanup(func() {
		e.client.CloseIdleConnections()
		_ = n.Stop(10 * time.Second) // the test's own failures are enough
		if t.Failed() {
			t.Logf("nginx logged:\n%s", n.Tail())
		}
	})
	return e
}

// buy returns the answer's status and the node that gave it.
func (e *edge) buy() (status int, node string, err error) {
	req, err := http.NewRequest("POST", "http://"+e.addr+"/v1/sales/demo/orders", strings.NewReader(`{"quantity":1}`))
	if err != nil {
		return 0, "", err
	}
	// A reload closes idle connections, now and then just as a request is sent down one.
	// HTTP clients send it again if they know that they may; this header permits it to Go's.
	req.Header["Idempotency-Key"] = nil
	r, err := e.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	_, err = io.Copy(io.Discard, r.Body)
	return r.StatusCode, r.Header.Get("Node"), err
}

// startNode is a node that sells, and answers with its name.
func startNode(t *testing.T, name string) (sale.Node, *httptest.Server) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Node", name)
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(s.Close)
	return ready(name, s.Listener.Addr().String(), 1), s
}
