package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"
)

// Ask makes one request.
func (s *Source) Ask(ctx context.Context) error { return s.ask(ctx) }

// SetTimeout bounds requests.
func (s *Source) SetTimeout(d time.Duration) { s.client.Timeout = d }

// SetTransport has requests answered without a server.
func (s *Source) SetTransport(t http.RoundTripper) { s.client.Transport = t }

// Trust has a certificate accepted.
func (s *Source) Trust(c *x509.Certificate) {
	pool := x509.NewCertPool()
	pool.AddCert(c)
	s.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
}
