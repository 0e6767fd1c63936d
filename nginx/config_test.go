package nginx_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestShippedDefaultsAreValid(t *testing.T) {
	dir := lay(t)
	out, err := exec.Command(binary(t), "-t", "-p", dir, "-c", "nginx.conf").CombinedOutput()
	if err != nil || strings.Contains(string(out), "[warn]") {
		t.Fatalf("got %v, want a valid configuration without warnings:\n%s", err, out)
	}
}

func TestRunsWithoutPrivileges(t *testing.T) {
	n := startNode(t, soldOut)
	e := &edge{Addr: freeAddr(t), Prefix: lay(t), client: http.DefaultClient}
	write(t, filepath.Join(e.Prefix, "site", "listen.conf"), "listen "+e.Addr+";")
	write(t, filepath.Join(e.Prefix, "site", "upstream.conf"), servers(n))
	var cred *syscall.Credential
	if os.Geteuid() == 0 {
		const nobody = 65534
		cred = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(e.Prefix, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	e.run(t, cred)
	e.buy(t, "demo")
	wantStatus(t, e.buy(t, "demo"), http.StatusConflict)
	if got := n.Requests.Load(); got != 1 {
		t.Errorf("the node got %d requests, want 1: the cache does not work without privileges", got)
	}
}

func TestBeforeTheAllocatorBuyersGetNoNodeAnswered(t *testing.T) {
	t.Parallel()
	e := start(t, site{})
	wantProblem(t, e.buy(t, "demo"), http.StatusBadGateway, "node-unreachable", "1")
}

func TestHealthIsNginxsOwn(t *testing.T) {
	t.Parallel()
	e := start(t, site{})
	a := e.do(t, "GET", "/nginx-health", "")
	wantStatus(t, a, http.StatusOK)
	if a.Text != "ok\n" {
		t.Errorf("got %q, want ok", a.Text)
	}
	wantHeader(t, a, "Server", "nginx")
}

func TestNodesGetTheClientsAddressAndTheRequestsHost(t *testing.T) {
	t.Parallel()
	var got http.Header
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		got.Set("Host", r.Host)
		w.Header().Set("X-Request-Id", "the node's echo")
		w.Header().Set("Onsale-Retried", "1")
	})
	e := start(t, site{Upstream: servers(n)})
	a := e.buy(t, "demo", "Authorization: Bearer x.y.z", "X-Forwarded-For: 9.9.9.9", "X-Real-Ip: 9.9.9.9",
		"X-Request-Id: forged", "Onsale-Retried: 1", "Accept-Encoding: gzip", "Traceparent: 00-1-2-01")
	wantStatus(t, a, http.StatusOK)
	for name, want := range map[string]string{
		"Host": e.Addr, "X-Forwarded-Proto": "http",
		"Authorization": "Bearer x.y.z", "X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1",
		"Onsale-Retried": "", "Accept-Encoding": "", "Traceparent": "00-1-2-01", "Connection": "",
	} {
		if got := strings.Join(got.Values(name), ","); got != want {
			t.Errorf("the node got %s %q, want %q", name, got, want)
		}
	}
	id := got.Get("X-Request-Id")
	if len(id) != 32 {
		t.Errorf("the node got request id %q, want Nginx's own 32 hex digits", id)
	}
	wantHeader(t, a, "X-Request-Id", id)
	wantHeader(t, a, "Onsale-Retried", "")
}

func TestConnectionsToNodesAreReused(t *testing.T) {
	t.Parallel()
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {})
	e := start(t, site{Upstream: servers(n)})
	for range 50 {
		wantStatus(t, e.do(t, "GET", "/v1/sales/demo", ""), http.StatusOK)
	}
	// One client connection is one worker, which needs one connection to the node.
	if got := n.Conns.Load(); got != 1 {
		t.Errorf("50 requests took %d connections to the node, want 1", got)
	}
}
