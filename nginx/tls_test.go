package nginx_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certify makes a certificate of 127.0.0.1 that only the returned pool trusts.
func certify(t *testing.T, cert, key string) *x509.CertPool {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(t, cert, string(text))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool
}

// listenTLS has the edge listen as shipped for TLS, and returns where it listens without.
func (e *edge) listenTLS(t *testing.T) (bare string) {
	t.Helper()
	shipped, err := os.ReadFile("tls/listen.conf")
	if err != nil {
		t.Fatal(err)
	}
	bare = freeAddr(t)
	write(t, filepath.Join(e.Prefix, "site", "listen.conf"), strings.NewReplacer("listen 443 ", "listen "+e.Addr+" ", "listen 80 ", "listen "+bare+" ").Replace(string(shipped)))
	return bare
}

func TestBuyersAreServedOverTLS(t *testing.T) {
	t.Parallel()
	var host, proto string
	n := startNode(t, func(w http.ResponseWriter, r *http.Request) {
		host, proto = r.Host, r.Header.Get("X-Forwarded-Proto")
		_, _ = w.Write([]byte("{}"))
	})
	e := &edge{Addr: freeAddr(t), Prefix: lay(t)}
	pool := certify(t, filepath.Join(e.Prefix, "site", "tls.crt"), filepath.Join(e.Prefix, "site", "tls.key"))
	bare := e.listenTLS(t)
	write(t, filepath.Join(e.Prefix, "site", "headers.conf"), shipped(t, "tls/headers.conf"))
	write(t, filepath.Join(e.Prefix, "site", "upstream.conf"), servers(n))
	e.client = &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(e.client.CloseIdleConnections)
	e.run(t, nil)

	for _, path := range []string{"/sales/demo", "/assets/none.js", "/nowhere"} {
		a, err := e.client.Get("https://" + e.Addr + path)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if got := a.Header.Values("Strict-Transport-Security"); len(got) != 1 {
			t.Errorf("%s: got HSTS %q, want it once, on pages and problems too", path, got)
		}
	}
	// A sale's document is asked for by Nginx itself, without what the buyer sent.
	a, err := e.client.Get("https://" + e.Addr + "/v1/sales/demo/orders/mine")
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusOK || a.ProtoMajor != 2 || a.Header.Get("Strict-Transport-Security") == "" || a.Header.Get("X-Request-Id") == "" {
		t.Errorf("got %s by %s with %v, want 200 by HTTP/2 with HSTS, and the other headers", a.Status, a.Proto, a.Header)
	}
	if host != e.Addr || proto != "https" {
		t.Errorf("the node got host %q and protocol %q, want %q and https", host, proto, e.Addr)
	}
	a, err = e.client.Post("http://"+bare+"/v1/sales/demo/orders?x=1", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	host, _, _ = net.SplitHostPort(bare)
	if want := "https://" + host + "/v1/sales/demo/orders?x=1"; a.StatusCode != http.StatusPermanentRedirect || a.Header.Get("Location") != want {
		t.Errorf("without TLS: got %s to %s, want 308 to %s", a.Status, a.Header.Get("Location"), want)
	}
	if got := n.Requests.Load(); got != 1 {
		t.Errorf("the node got %d requests, want the one by TLS", got)
	}
}
