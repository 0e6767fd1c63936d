package generator

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// connect makes a connection, or leaves it broken for a while.
func (e *engine) connect(c *conn, now time.Duration) {
	fd, done, err := e.target.dial()
	if err == nil {
		events := uint32(unix.EPOLLIN)
		if !done {
			events = unix.EPOLLOUT
		}
		c.fd, c.used, c.partial = fd, false, c.partial[:0]
		err = e.poll.add(fd, c.index, events)
	}
	switch {
	case err != nil:
		e.hangUp(c)
		e.tally.fault(kind(err))
		e.enter(c, broken, now)
	case done:
		e.ready(c, now)
	default:
		e.enter(c, connecting, now)
	}
}

// hangUp closes a connection, if there is one.
func (e *engine) hangUp(c *conn) {
	if c.fd >= 0 {
		_ = unix.Close(c.fd) // whatever it returns, the connection is gone
		c.fd = -1
	}
}

// lose gives a connection up and makes another, with the request on it, if any, as an
// error of that kind. One that broke before it was of any use is not replaced at once:
// a server that takes connections only to close them would keep the generator at that.
func (e *engine) lose(c *conn, kind string, now time.Duration) {
	switch c.state {
	case asked:
		if e.visits != nil {
			e.visits.lost(e.visit(c), kind, now)
		} else {
			e.tally.lost(c.request, kind, now)
		}
	case connecting:
		e.tally.fault(kind)
	}
	e.replace(c, now)
}

func (e *engine) replace(c *conn, now time.Duration) {
	e.hangUp(c)
	if !c.used {
		e.enter(c, broken, now)
		return
	}
	e.connect(c, now)
}

// happened deals with what epoll reports of a connection.
func (e *engine) happened(c *conn) {
	if c.state == connecting {
		e.connected(c)
		return
	}
	n, err := unix.Read(c.fd, e.read)
	now := e.now()
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	case err != nil:
		e.lose(c, kind(err), now)
	case n == 0 && len(c.partial) > 0:
		e.lose(c, errCut, now)
	case n == 0:
		e.lose(c, errClosed, now) // of a connection without a request this is no error: servers do
	case c.state != asked:
		e.tally.fault(errUnasked)
		e.replace(c, now)
	default:
		e.receive(c, e.read[:n], now)
	}
}

// connected finds out whether a connection was made.
func (e *engine) connected(c *conn) {
	now := e.now()
	errno, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = unix.Errno(errno)
	}
	if err == nil {
		err = e.poll.change(c.fd, c.index, unix.EPOLLIN)
	}
	if err != nil {
		e.lose(c, kind(err), now)
		return
	}
	e.ready(c, now)
}

// receive takes the bytes of an answer.
func (e *engine) receive(c *conn, b []byte, now time.Duration) {
	if len(c.partial) > 0 {
		c.partial = append(c.partial, b...)
		b = c.partial
	}
	a, whole, fault := parse(b, e.order.Joins)
	switch {
	case fault != "":
		e.lose(c, fault, now)
	case !whole && len(c.partial) == 0:
		c.partial = append(c.partial, b...)
	case whole:
		c.partial = c.partial[:0]
		if e.order.Keep && a.order != "" {
			e.places[c.request.buyer] = member(b, tokenMember)
		}
		if e.visits != nil {
			e.visits.answered(e.visit(c), c.request, a, detailsOf(b), now)
		} else {
			e.tally.answered(c.request, a, now)
		}
		if a.closes {
			e.replace(c, now)
		} else {
			e.ready(c, now)
		}
	}
}
