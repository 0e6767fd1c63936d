package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"onsale/internal/pause"
	"onsale/internal/testbed"
	"onsale/internal/testbed/process"
	"onsale/nginx"
)

// secure has Nginx listen with TLS, and measures handshakes and idle connections.
func (e *edge) secure(ctx context.Context, s *testbed.Site, r *edgeResult) error {
	port, err := process.FreePort()
	if err != nil {
		return err
	}
	site := filepath.Join(s.Dir, "nginx", "site")
	pool, err := certificate(site)
	if err != nil {
		return err
	}
	listen := strings.NewReplacer("listen 443 ", "listen "+process.Loopback(port)+" ", "listen 80 ", "listen "+frontAddr(s)+" ").Replace(nginx.ListenTLS)
	if err := os.WriteFile(filepath.Join(site, "listen.conf"), []byte(listen), 0o644); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, s.Nginx.Reload[0], s.Nginx.Reload[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("nginx does not reload: %w: %s", err, out)
	}
	var wire size
	dial := dialTLS(port, pool, &wire)
	await, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		conn, err := dial()
		if err == nil {
			r.Exchanges[edgeHandshake] = wire
			if err := conn.Close(); err != nil {
				return err
			}
			break
		}
		if !pause.For(await, 50*time.Millisecond) {
			return err
		}
	}
	if err := e.handshakes(ctx, s, r, dial); err != nil {
		return err
	}
	r.Memory[edgeTLS], err = e.idle(ctx, s, dial)
	return err
}

// handshakes makes connections, one after the other, without a session to resume.
func (e *edge) handshakes(ctx context.Context, s *testbed.Site, r *edgeResult, dial func() (net.Conn, error)) error {
	var micros []float64
	for range e.Runs {
		before, err := cpuOf([]int{s.Nginx.Pid()})
		if err != nil {
			return err
		}
		for range e.Handshakes {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			conn, err := dial()
			if err != nil {
				return err
			}
			if err := conn.Close(); err != nil {
				return err
			}
		}
		after, err := cpuOf([]int{s.Nginx.Pid()})
		if err != nil {
			return err
		}
		micros = append(micros, (after-before)/float64(e.Handshakes)*1e6)
	}
	r.Micros[edgeHandshake] = median(micros)
	return nil
}

// idle opens connections that have asked once, and returns what Nginx keeps for each.
func (e *edge) idle(ctx context.Context, s *testbed.Site, dial func() (net.Conn, error)) (bytes float64, err error) {
	conns := make([]net.Conn, 0, e.Idle)
	defer func() {
		for _, c := range conns {
			err = errors.Join(err, c.Close())
		}
	}()
	before, err := resident(s.Nginx.Pid())
	if err != nil {
		return 0, err
	}
	for range e.Idle {
		conn, err := dial()
		if err != nil {
			return 0, err
		}
		conns = append(conns, conn)
		if _, err := exchange(conn, []byte("GET /nginx-health HTTP/1.1\r\nHost: onsale\r\n\r\n")); err != nil {
			return 0, err
		}
	}
	if !pause.For(ctx, time.Second) { // idle means idle
		return 0, ctx.Err()
	}
	after, err := resident(s.Nginx.Pid())
	return float64(after-before) / float64(e.Idle), err
}

func dialPlain(port int) func() (net.Conn, error) {
	return func() (net.Conn, error) { return net.DialTimeout("tcp", process.Loopback(port), 10*time.Second) }
}

// dialTLS makes a connection with a whole handshake each time, whose bytes wire then has.
func dialTLS(port int, pool *x509.CertPool, wire *size) func() (net.Conn, error) {
	return func() (net.Conn, error) {
		plain, err := dialPlain(port)()
		if err != nil {
			return nil, err
		}
		counts := &metered{Conn: plain}
		conn := tls.Client(counts, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
		if err := conn.Handshake(); err != nil {
			return nil, errors.Join(err, plain.Close())
		}
		*wire = counts.size
		return conn, nil
	}
}

// metered is a connection whose bytes are counted.
type metered struct {
	net.Conn
	size
}

func (m *metered) Read(b []byte) (n int, err error) {
	n, err = m.Conn.Read(b)
	m.Down += n
	return n, err
}

func (m *metered) Write(b []byte) (n int, err error) {
	n, err = m.Conn.Write(b)
	m.Up += n
	return n, err
}

// certificate makes one of 127.0.0.1 that only the returned pool trusts, where nginx/tls/listen.conf has it.
func certificate(folder string) (*x509.CertPool, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		return nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool, errors.Join(
		os.WriteFile(filepath.Join(folder, "tls.crt"), text, 0o644),
		os.WriteFile(filepath.Join(folder, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), 0o600))
}
