package nginx_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// rotate runs tickets.sh on a site.
func rotate(t *testing.T, site string) {
	t.Helper()
	if out, err := exec.Command("sh", "tls/tickets.sh", site).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("tickets.sh: %v: %s", err, out)
	}
}

// visit asks an edge on a new connection, and reports whether that resumed a session of the cache.
func visit(t *testing.T, e *edge, pool *x509.CertPool, cache tls.ClientSessionCache, version uint16) (resumed bool) {
	t.Helper()
	// The name is the sessions' key, whichever edge they are of.
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		RootCAs: pool, ServerName: "127.0.0.1", ClientSessionCache: cache, MinVersion: version, MaxVersion: version,
	}}}
	a, err := c.Get("https://" + e.Addr + "/nginx-health")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if _, err := io.Copy(io.Discard, a.Body); err != nil { // tickets of TLS 1.3 come before it
		t.Fatal(err)
	}
	return a.TLS.DidResume
}

// Each edge stands for one at another time: those after no, one and two rotations, and one that has no keys.
func TestSeveralNginxResumeEachOthersSessions(t *testing.T) {
	t.Parallel()
	cert := t.TempDir()
	pool := certify(t, filepath.Join(cert, "tls.crt"), filepath.Join(cert, "tls.key"))
	keys := t.TempDir()
	var edges []*edge
	for day := range 4 {
		e := &edge{Addr: freeAddr(t), Prefix: lay(t), client: &http.Client{Timeout: 15 * time.Second}}
		site := filepath.Join(e.Prefix, "site")
		if err := os.CopyFS(site, os.DirFS(cert)); err != nil {
			t.Fatal(err)
		}
		if day < 3 {
			rotate(t, keys)
			if err := os.CopyFS(site, os.DirFS(keys)); err != nil {
				t.Fatal(err)
			}
		}
		e.listenTLS(t)
		e.run(t, nil)
		edges = append(edges, e)
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for from, first := range edges {
			for to, second := range edges {
				cache := tls.NewLRUClientSessionCache(1)
				if visit(t, first, pool, cache, version) {
					t.Fatal("got a session resumed of which there was none")
				}
				// The edge without keys has its own.
				near := from == to || from < 3 && to < 3 && max(from, to)-min(from, to) == 1
				if got := visit(t, second, pool, cache, version); got != near {
					t.Errorf("%s: a session of edge %d at edge %d: got resumed %v, want %v", tls.VersionName(version), from, to, got, near)
				}
			}
		}
	}
}

func TestKeysOfTicketsAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	site := t.TempDir()
	seen := map[string]string{}
	for run := range 3 {
		rotate(t, site)
		for _, name := range []string{"previous", "current", "next"} {
			path := filepath.Join(site, "tls-tickets", name)
			about, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if about.Mode().Perm() != 0o600 || about.Size() != 80 {
				t.Errorf("%s: got %v and %d bytes, want those of the owner alone, and 80", name, about.Mode(), about.Size())
			}
			key, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if at := fmt.Sprint(run, name); seen[string(key)] == "" {
				seen[string(key)] = at
			}
		}
	}
	if len(seen) != 5 { // three, and one more by each rotation
		t.Errorf("got %d keys of three runs, want 5: %v", len(seen), seen)
	}
}
