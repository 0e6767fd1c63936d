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
		if config != nil {
			return (&tls.Dialer{NetDialer: d, Config: config}).DialContext(ctx, network, addr)
		}
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &outspoken{Conn: c}, nil
	}
}

// outspoken is a connection whose failure reports what Redis said before it hung up. A
// Redis in protected mode, or with too many clients, says why and closes without reading: the
// write then fails with "broken pipe" or "connection reset", and the reason was read as the
// answer to a greeting that old servers reject, or by nobody.
type outspoken struct {
	net.Conn
	received bool   // something was read
	said     string // the error that was the last thing read, and the first
}

func (c *outspoken) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.said = ""
		if reason, is := bytes.CutPrefix(b[:n], []byte("-")); is && !c.received {
			c.said = string(bytes.TrimSpace(reason))
		}
		c.received = true
	}
	if n == 0 {
		err = c.because(err)
	}
	return n, err
}

func (c *outspoken) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil {
		return n, nil
	}
	if !c.received && c.SetReadDeadline(time.Now().Add(10*time.Millisecond)) == nil {
		_, _ = c.Read(make([]byte, 1024)) // an error is no news: the connection has failed
	}
	return n, c.because(err)
}

// because adds to a connection's error what Redis said.
func (c *outspoken) because(err error) error {
	if err == nil || c.said == "" {
		return err
	}
	return fmt.Errorf("%w; Redis said: %s", err, c.said)
}

// SyscallConn lets go-redis see that an idle connection was closed before it sends on it.
func (c *outspoken) SyscallConn() (syscall.RawConn, error) {
	raw, is := c.Conn.(syscall.Conn)
	if !is {
		return nil, errors.ErrUnsupported
	}
	return raw.SyscallConn()
}
