package process

import (
	"bufio"
	"context"
	"net"
	"testing"
	"time"
)

// startEcho is a server that sends every line back.
func startEcho(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if _, err := c.Write(append(lines.Bytes(), '\n')); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// dialFrom connects to addr from one of this machine's loopback addresses.
func dialFrom(t *testing.T, ip, addr string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	c, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echoes reports whether a line comes back within the time.
func echoes(t *testing.T, c net.Conn, within time.Duration) bool {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("x\n")); err != nil {
		return false
	}
	n, err := c.Read(make([]byte, 2))
	return n == 2 && err == nil
}

const soon, quickly = 5 * time.Second, 50 * time.Millisecond

func TestProxyLosesOnlyWhatIsCut(t *testing.T) {
	p, err := StartProxy(startEcho(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	near, far := dialFrom(t, "127.0.0.1", p.Addr()), dialFrom(t, backstage, p.Addr())
	if !echoes(t, near, soon) || !echoes(t, far, soon) {
		t.Fatal("a connection does not pass before the cut")
	}
	p.Cut(backstage)
	if !echoes(t, near, soon) {
		t.Error("the other address is cut, too")
	}
	if echoes(t, far, quickly) {
		t.Error("the connection passes that is cut")
	}
	late := dialFrom(t, backstage, p.Addr())
	if echoes(t, late, quickly) {
		t.Error("a new connection passes the cut")
	}
	p.Heal()
	for _, c := range []net.Conn{far, late} {
		if echoes(t, c, soon) {
			t.Error("a connection that lost something goes on, want it to end")
		}
	}
	if !echoes(t, dialFrom(t, backstage, p.Addr()), soon) {
		t.Error("a new connection does not pass after the cut")
	}
}

func TestClosedProxyRefusesUntilItOpens(t *testing.T) {
	p, err := StartProxy(startEcho(t))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	c := dialFrom(t, "127.0.0.1", p.Addr())
	if !echoes(t, c, soon) {
		t.Fatal("it does not pass")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if echoes(t, c, soon) {
		t.Error("a connection has survived")
	}
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		c.Close()
		t.Error("got a connection, want it refused")
	}
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	if !echoes(t, dialFrom(t, "127.0.0.1", p.Addr()), soon) {
		t.Error("it does not pass after opening")
	}
}

// within bounds one step of a test with servers.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
