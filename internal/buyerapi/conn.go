package buyerapi

import (
	"net"
	"sync/atomic"
	"time"
)

// conn moves its deadlines rarely. One goroutine serves it, so it needs no lock;
// what others may do, close it, does not touch the deadlines.
type conn struct {
	net.Conn
	door        *Door
	closed      atomic.Bool
	read, write time.Time
	sooner      time.Time // than read: for the next read, if there is one before the deadline is moved again
	begun       bool      // the first read is over, which waits for the first request
	ahead       *ahead    // nil: a read of one byte is like any other
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if c.ahead != nil && c.ahead.buffered() {
		return c.ahead.take(b), nil
	}
	if c.begun && !c.sooner.IsZero() {
		c.read, c.sooner = c.sooner, time.Time{}
		if err := c.Conn.SetReadDeadline(c.read); err != nil {
			return 0, err
		}
	}
	c.begun = true
	if c.ahead != nil && len(b) == 1 {
		return c.ahead.read(b)
	}
	return c.Conn.Read(b)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.door.open.Add(-1)
	}
	return c.Conn.Close()
}

// slack is how far a deadline may stay behind.
const slack = time.Second

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.sooner = time.Time{}
	switch {
	case near(c.read, t):
		return nil
	case !t.IsZero() && t.Before(c.read):
		c.sooner = t
		return nil
	}
	c.read = t
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if near(c.write, t) {
		return nil
	}
	c.write = t
	return c.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	c.read, c.write, c.sooner = t, t, time.Time{}
	return c.Conn.SetDeadline(t)
}

// near reports whether the deadline that stands will do for the one wanted: it
// is no later, and less than the slack earlier. None, the zero time, is near
// only to none.
func near(stands, wanted time.Time) bool {
	if stands.IsZero() || wanted.IsZero() {
		return stands.IsZero() && wanted.IsZero()
	}
	behind := wanted.Sub(stands)
	return behind >= 0 && behind < slack
}
