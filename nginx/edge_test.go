package nginx_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"onsale/internal/testbed/await"
	"onsale/nginx"
)

// edge is a private Nginx with the shipped configuration.
type edge struct {
	Addr   string // host:port
	Prefix string
	client *http.Client
	log    lines // what Nginx has logged
}

// lines may be read while they are written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// site is what an operator would overwrite; empty fields keep what is shipped.
type site struct {
	Upstream string // lines of upstream.conf
	Peers    string // the file of peers; Nginx then takes its nodes from there
	Listen   string // further lines of listen.conf
}

// lay copies the shipped files into a prefix that Nginx's unprivileged workers can enter.
func lay(t *testing.T) string {
	t.Helper()
	return layFor(t, false)
}

// layFor is lay for an Nginx with the Lua module, or without.
func layFor(t *testing.T, balancer bool) string {
	t.Helper()
	dir := t.TempDir()
	// TempDir is the test's own inside a folder that only its owner may enter.
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(nginx.Lay(dir, balancer), os.CopyFS(filepath.Join(dir, "web"), os.DirFS("../web"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func binary(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		t.Fatalf("nginx is missing, install it with `apt-get install nginx`: %v", err)
	}
	return path
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start runs Nginx until the test ends.
func start(t *testing.T, s site) *edge {
	t.Helper()
	e := &edge{Addr: freeAddr(t), Prefix: layFor(t, s.Peers != ""), client: &http.Client{
		Timeout:       15 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 16},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	write(t, filepath.Join(e.Prefix, "site", "listen.conf"), fmt.Sprintf("listen %s;\n%s\n", e.Addr, s.Listen))
	if s.Upstream != "" {
		write(t, filepath.Join(e.Prefix, "site", "upstream.conf"), s.Upstream)
	}
	if s.Peers != "" {
		write(t, filepath.Join(e.Prefix, "site", "peers"), s.Peers)
	}
	e.run(t, nil)
	return e
}

// run starts Nginx in e.Prefix, as cred or as the test's own user, and waits until it
// answers. What it logged is shown if the test fails.
func (e *edge) run(t *testing.T, cred *syscall.Credential) {
	t.Helper()
	cmd := exec.Command(binary(t), "-e", "stderr", "-p", e.Prefix, "-c", "nginx.conf", "-g", "daemon off;")
	cmd.Stderr = &e.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.client.CloseIdleConnections()
		_ = cmd.Process.Signal(syscall.SIGTERM) // already gone is what we want
		_ = cmd.Wait()                          // the test's own failures are enough
		if t.Failed() {
			t.Logf("nginx's log:\n%s", e.log.String())
		}
	})
	await.Until(t, "nginx answers", func() bool {
		r, err := e.client.Get("http://" + e.Addr + "/nginx-health")
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
}

// answer is a response read to its end.
type answer struct {
	*http.Response
	Text string
}

// do sends a request; headers are "Name: value".
func (e *edge) do(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+e.Addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	// A reload closes idle connections, now and then just as a request is sent down one.
	// HTTP clients send it again if they know that they may; this header permits it to Go's.
	req.Header["Idempotency-Key"] = nil
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	r, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{r, string(text)}
}

func (e *edge) buy(t *testing.T, sale string, headers ...string) answer {
	t.Helper()
	return e.do(t, "POST", "/v1/sales/"+sale+"/orders", `{"quantity":1}`, headers...)
}

// node is a stand-in for a node that counts its requests and connections.
type node struct {
	Addr     string
	Requests atomic.Int64
	Conns    atomic.Int64
}

func startNode(t *testing.T, h http.HandlerFunc) *node {
	t.Helper()
	n := &node{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Requests.Add(1)
		h(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			n.Conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	n.Addr = s.Listener.Addr().String()
	return n
}

// startRaw is a node that treats each connection as it likes, once the request's head
// has arrived, and then hangs up.
func startRaw(t *testing.T, treat func(context.Context, net.Conn)) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	n := &node{Addr: l.Addr().String()}
	ctx := t.Context() // ends before the cleanups, and with it every stuck treat
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.Conns.Add(1)
			go func() {
				defer c.Close()
				if _, err := c.Read(make([]byte, 4096)); err == nil {
					n.Requests.Add(1)
					treat(ctx, c)
				}
			}()
		}
	}()
	return n
}

// servers renders upstream.conf for nodes that are never given up after a failure, so
// that a test can fail them again and again.
func servers(nodes ...*node) string {
	var b strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&b, "server %s max_fails=0;\n", n.Addr)
	}
	return b.String()
}

func wantStatus(t *testing.T, a answer, want int) {
	t.Helper()
	if a.StatusCode != want {
		t.Fatalf("got status %d, want %d: %s", a.StatusCode, want, a.Text)
	}
}

func wantHeader(t *testing.T, a answer, name, want string) {
	t.Helper()
	if got := strings.Join(a.Header.Values(name), ","); got != want {
		t.Errorf("got %s %q, want %q", name, got, want)
	}
}
