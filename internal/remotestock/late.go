package remotestock

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// lateConn is a connection whose deadline ends a wait for Redis, and not for the processor. Where a node has
// thousands of requests to read, the goroutine that waits for a reply has its turn long after the reply came. It finds the
// deadline over, and would leave unread what has been decided: the claims would be unknown and sent again, and the
// circuit breaker would open although Redis answers.
type lateConn struct{ net.Conn }

// moment is how long a read whose deadline is over may take. What has come already needs none.
const moment = time.Millisecond

// Read implements net.Conn.
func (c lateConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if derr := c.SetReadDeadline(time.Now().Add(moment)); derr != nil {
		return n, err
	}
	return c.Conn.Read(b)
}

// SyscallConn lets go-redis see that an idle connection was closed before it sends on it.
func (c lateConn) SyscallConn() (syscall.RawConn, error) {
	raw, is := c.Conn.(syscall.Conn)
	if !is {
		return nil, errors.ErrUnsupported
	}
	return raw.SyscallConn()
}
