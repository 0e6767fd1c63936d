package remotestock

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// dialer makes the connections of a client.
func dialer(timeout time.Duration, config *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: timeout, KeepAlive: 5 * time.Minute}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if config == nil {
			return &refusalConn{Conn: lateConn{c}}, nil
		}
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return secured(ctx, lateConn{c}, addr, config)
	}
}

// secured speaks TLS on a connection to addr, whose host is the name that is verified.
func secured(ctx context.Context, c net.Conn, addr string, config *tls.Config) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	config = config.Clone()
	config.ServerName = host
	t := tls.Client(c, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

// refusalConn is a connection whose failure includes Redis's error before it closed the
// connection. A Redis in protected mode, or with too many clients, sends its reason and closes
// without reading: the write then fails with "broken pipe" or "connection reset". Without this
// type the reason is read as the answer to a greeting that old servers reject, or never read.
type refusalConn struct {
	net.Conn
	received bool   // something was read
	refusal  string // the error that was the last thing read, and the first
}

func (c *refusalConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.refusal = ""
		if reason, is := bytes.CutPrefix(b[:n], []byte("-")); is && !c.received {
			c.refusal = string(bytes.TrimSpace(reason))
		}
		c.received = true
	}
	if n == 0 {
		err = c.because(err)
	}
	return n, err
}

func (c *refusalConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil {
		return n, nil
	}
	if !c.received && c.SetReadDeadline(time.Now().Add(10*time.Millisecond)) == nil {
		_, _ = c.Read(make([]byte, 1024)) // an error is no news: the connection has failed
	}
	return n, c.because(err)
}

// because adds Redis's error to that of the connection.
func (c *refusalConn) because(err error) error {
	if err == nil || c.refusal == "" {
		return err
	}
	return fmt.Errorf("%w; Redis answered: %s", err, c.refusal)
}

// SyscallConn lets go-redis see that an idle connection was closed before it sends on it.
func (c *refusalConn) SyscallConn() (syscall.RawConn, error) {
	raw, is := c.Conn.(syscall.Conn)
	if !is {
		return nil, errors.ErrUnsupported
	}
	return raw.SyscallConn()
}
