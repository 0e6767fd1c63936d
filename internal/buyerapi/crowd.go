package buyerapi

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Roomy is how many connections keep their buffers between two requests. Each takes 15 KB more than the others, and its
// requests some 0.2 µs less. Nginx keeps some hundreds. Raised, idle connections take more memory; lowered, requests of
// some of Nginx's connections cost more.
const Roomy = 1024

// Servers are what serves a node's buyers: the first connections keep their buffers, and those beyond take them from a
// pool for each request, so that many thousands of idle ones fit into a node.
type Servers struct {
	roomy, thrifty *fasthttp.Server
	most           int // connections that keep their buffers
}

// NewServers makes them, with so many connections that keep their buffers. idle is as for [NewServer].
func NewServers(h *Handler, idle time.Duration, roomy int) *Servers {
	s := &Servers{roomy: NewServer(h, idle), thrifty: NewServer(h, idle), most: roomy}
	s.thrifty.ReduceMemoryUsage = true
	return s
}

// Serve serves a [Door]'s connections until the servers are shut down.
func (s *Servers) Serve(l net.Listener) error {
	beyond := &handedOver{addr: l.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- s.thrifty.Serve(beyond) }()
	err := s.roomy.Serve(split{l, s, beyond})
	return errors.Join(err, beyond.Close(), <-ended)
}

// ShutdownWithContext closes the listener, and waits until no request is under way or ctx ends.
func (s *Servers) ShutdownWithContext(ctx context.Context) error {
	thrifty := make(chan error, 1)
	go func() { thrifty <- s.thrifty.ShutdownWithContext(ctx) }()
	return errors.Join(s.roomy.ShutdownWithContext(ctx), <-thrifty)
}

// split accepts for the roomy server, and hands over what is beyond its connections.
type split struct {
	net.Listener
	s      *Servers
	beyond *handedOver
}

// Accept implements net.Listener.
func (l split) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || int(l.s.roomy.GetOpenConnectionsCount()) < l.s.most {
			return c, err
		}
		if admitted, ok := c.(*conn); ok {
			admitted.ahead = newAhead(admitted.Conn)
		}
		select {
		case l.beyond.conns <- c:
		case <-l.beyond.closed:
			return c, nil // a shutdown has begun: the roomy server is closed next, and until then serves
		}
	}
}

// handedOver is the listener of the thrifty server.
type handedOver struct {
	addr   net.Addr
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (l *handedOver) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *handedOver) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *handedOver) Addr() net.Addr { return l.addr }
