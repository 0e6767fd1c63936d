package process

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Proxy passes TCP connections on to a server, and can lose what comes from one
// address, as a network does that is cut between two machines: nothing is closed,
// and no byte arrives. All addresses are this machine's loopback ones.
type Proxy struct {
	addr, target string

	mu       sync.Mutex
	listener net.Listener // nil while it is shut
	cut      string       // IP whose bytes are lost; empty: nobody's
	links    map[*link]struct{}
	group    sync.WaitGroup
}

// link is one connection through the proxy.
type link struct {
	from   string // IP of the client
	client net.Conn
	server net.Conn // nil where the client came while it was cut off
	lost   atomic.Bool
}

func (l *link) close() {
	l.client.Close()
	if l.server != nil {
		l.server.Close()
	}
}

// StartProxy listens on a free port for connections to the target.
func StartProxy(target string) (*Proxy, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	p := &Proxy{addr: Loopback(port), target: target, links: map[*link]struct{}{}}
	return p, p.Open()
}

// Addr is where clients connect to, as host:port. It stays the same for good.
func (p *Proxy) Addr() string { return p.addr }

// Open listens again after Close.
func (p *Proxy) Open() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		return nil
	}
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return err
	}
	p.listener = l
	p.group.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.group.Go(func() { p.serve(client) })
		}
	})
	return nil
}

// Close refuses new connections, as the port of a dead server does, and ends
// all that there are. It may be called twice.
func (p *Proxy) Close() error {
	p.mu.Lock()
	var err error
	if p.listener != nil {
		err = p.listener.Close()
		p.listener = nil
	}
	for l := range p.links {
		l.close()
	}
	p.mu.Unlock()
	p.group.Wait()
	return err
}

// Cut loses everything between clients at this IP and the server, in both
// directions, until Heal.
func (p *Proxy) Cut(ip string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = ip
	for l := range p.links {
		if l.from == ip {
			l.lost.Store(true)
		}
	}
}

// Heal ends the cut. Connections that lost something end, as their ends would
// find out by themselves.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = ""
	for l := range p.links {
		if l.lost.Load() {
			l.close()
		}
	}
}

// serve ends when the connection does.
func (p *Proxy) serve(client net.Conn) {
	l := &link{from: client.RemoteAddr().(*net.TCPAddr).IP.String(), client: client}
	if !p.add(l) {
		client.Close()
		return
	}
	defer p.drop(l)
	if l.lost.Load() {
		io.Copy(io.Discard, client) // until either its client or Heal ends it
		return
	}
	var group sync.WaitGroup
	group.Go(func() { l.pass(l.server, l.client) })
	l.pass(l.client, l.server)
	group.Wait()
}

// add connects a client to the server, unless it is cut off.
func (p *Proxy) add(l *link) (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		return false
	}
	if l.from == p.cut {
		l.lost.Store(true)
	} else if server, err := net.Dial("tcp", p.target); err == nil {
		l.server = server
	} else {
		return false
	}
	p.links[l] = struct{}{}
	return true
}

func (p *Proxy) drop(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.close()
	delete(p.links, l)
}

// pass copies until an end closes. The other end learns of it only over a link
// that is not cut.
func (l *link) pass(from, to net.Conn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		switch {
		case err == nil && l.lost.Load():
			continue
		case err == nil:
			_, err = to.Write(b[:n])
		case l.lost.Load():
			return // and to stays open until Heal
		}
		if err != nil {
			l.close()
			return
		}
	}
}
