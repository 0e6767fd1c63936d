// Package adminport serves an admin port: health, metrics, profiles and the operators' calls. Anyone who reaches the port
// must not be able to take it away from operators and probes, nor take file descriptors from the rest of the process:
// connections are few, those that wait are closed, and some descriptors are kept for when the process has run out of them.
package adminport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// Connections is how many connections there are at once. When another one comes, the one that has waited
	// longest for a request gives way. Raised, a stranger may take more of the process's descriptors;
	// lowered, many operators and scrapers close each other's idle connections.
	Connections = 64
	// spares is how many connections are served after the process has run out of descriptors. Raised, as many
	// descriptors more lie idle; lowered, a scraper and a probe may meet at a port that does not answer.
	spares = 4
)

// Timeouts of a connection. Raised, one that sends or reads nothing takes a place for longer; lowered, slow operators are
// cut off.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 15 * time.Second
	idleTimeout   = 30 * time.Second
	answerTimeout = 15 * time.Second // from the request's header to the answer's last byte
	// longest is for who asks for more than answerTimeout, as profiles do.
	longest = 2 * time.Minute
)

// Port is a listening admin port.
type Port struct {
	server   *http.Server
	listener net.Listener

	mu    sync.Mutex
	conns []*conn    // in the order in which they began to wait
	spare []*os.File // kept open, and closed to make room for a connection
}

// Listen takes the port. It serves nothing yet; Serve or Close must follow.
func Listen(addr string) (*Port, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("admin port: %w", err)
	}
	p := &Port{listener: l}
	p.refill()
	return p, nil
}

// Addr is where the port listens.
func (p *Port) Addr() net.Addr { return p.listener.Addr() }

// Close gives the port up without having served. It may be called twice.
func (p *Port) Close() error {
	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.spare {
		err = errors.Join(err, f.Close())
	}
	p.spare = nil
	return err
}

// Serve serves until ctx ends, and gives requests under way a second then.
func (p *Port) Serve(ctx context.Context, h http.Handler) error {
	p.server = &http.Server{
		Handler: p.busy(h), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: longest, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 16 << 10,
		ConnContext:    func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, key{}, c) },
	}
	done := make(chan error, 1)
	go func() { done <- p.server.Serve((*listener)(p)) }()
	select {
	case err := <-done:
		return errors.Join(err, p.Close())
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := p.server.Shutdown(limit)
	if errors.Is(err, context.DeadlineExceeded) {
		err = p.server.Close()
	}
	if serr := <-done; !errors.Is(serr, http.ErrServerClosed) {
		err = errors.Join(err, serr)
	}
	return errors.Join(err, p.Close())
}

// key is where a request's context has its connection.
type key struct{}

// busy keeps a connection in its place while a request of it is served, and has one that was let in at the expense of a
// spare descriptor end with its answer.
func (p *Port) busy(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := r.Context().Value(key{}).(*conn)
		if p.take(c) {
			w.Header().Set("Connection", "close")
		}
		defer p.wait(c)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) // a closed connection has none
		h.ServeHTTP(w, r)
	})
}

// conn is one connection. The port's lock guards its state.
type conn struct {
	net.Conn
	port   *Port
	served bool // a request is being served
	last   bool // it has the place of a spare descriptor
}

// Close implements net.Conn.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.port.drop(c)
	return err
}

// take marks a connection as served, and reports whether it should end with this answer.
func (p *Port) take(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.served = true
	return c.last
}

// wait marks a connection as waiting for its next request, behind all that wait already.
func (p *Port) wait(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.served = false
	if p.remove(c) {
		p.conns = append(p.conns, c)
	}
}

// drop forgets a connection that is closed.
func (p *Port) drop(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(c)
	p.refill()
}

// remove reports whether the connection was there. The caller holds the lock, as of refill.
func (p *Port) remove(c *conn) bool {
	for i, other := range p.conns {
		if other == c {
			p.conns = append(p.conns[:i], p.conns[i+1:]...)
			return true
		}
	}
	return false
}

// refill opens the spare descriptors that are missing, as far as there are any.
func (p *Port) refill() {
	for len(p.spare) < spares {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return
		}
		p.spare = append(p.spare, f)
	}
}

// listener is the port's side that http.Server sees.
type listener Port

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.listener.Addr() }

// Close implements net.Listener.
func (l *listener) Close() error { return l.listener.Close() }

// Accept implements net.Listener. Where the process has no descriptor left, one that was kept makes room; without any,
// the connection that has waited longest does.
func (l *listener) Accept() (net.Conn, error) {
	p := (*Port)(l)
	for {
		inner, err := p.listener.Accept()
		switch {
		case err == nil:
			if c := p.admit(inner); c != nil {
				return c, nil
			}
		case !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE):
			return nil, err
		case !p.makeRoom():
			time.Sleep(10 * time.Millisecond) // all connections are being served
		}
	}
}

// admit gives a connection a place, or closes it and returns nil where all others are being served.
func (p *Port) admit(inner net.Conn) *conn {
	p.mu.Lock()
	if len(p.conns) >= Connections {
		if !p.evict() {
			p.mu.Unlock()
			_ = inner.Close() // nobody was promised an answer
			return nil
		}
	}
	c := &conn{Conn: inner, port: p, last: len(p.spare) < spares}
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	return c
}

// makeRoom frees a descriptor, and reports whether it could.
func (p *Port) makeRoom() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.spare); n > 0 {
		err := p.spare[n-1].Close()
		p.spare = p.spare[:n-1]
		return err == nil
	}
	return p.evict()
}

// evict closes the connection that has waited longest, and reports whether there was one. The caller holds the lock.
func (p *Port) evict() bool {
	for i, c := range p.conns {
		if !c.served {
			p.conns = append(p.conns[:i], p.conns[i+1:]...)
			_ = c.Conn.Close() // its server closes it again, and then it is dropped
			return true
		}
	}
	return false
}
