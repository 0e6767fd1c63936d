package flood

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"onsale/internal/pause"
)

// Kind is a way to keep a connection to an HTTP server without having it do much.
type Kind struct {
	Name string
	head string // sent at once
	drip string // sent again and again, betweenDrips apart
	deaf bool   // reads no answer
}

// betweenDrips is less than servers usually wait.
const betweenDrips = 4 * time.Second

// Kinds are all that the edge is tried with.
var Kinds = []Kind{
	{Name: "slow header", head: "GET /v1/sales/demo HTTP/1.1\r\nHost: x\r\nX: ", drip: "x"},
	{Name: "request, then a slow header", head: "GET /nginx-health HTTP/1.1\r\nHost: x\r\n\r\nGET /", drip: "x"},
	{Name: "slow body", head: "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 8000\r\n\r\n", drip: "x"},
	{Name: "slow body that is refused", head: "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n", drip: "x"},
	{Name: "answers that are not read", head: strings.Repeat("GET /nginx-health HTTP/1.1\r\nHost: x\r\n\r\n", 50), drip: "GET /nginx-health HTTP/1.1\r\nHost: x\r\n\r\n", deaf: true},
	{Name: "idle after a request", head: "GET /nginx-health HTTP/1.1\r\nHost: x\r\n\r\n"},
	{Name: "nothing sent"},
}

// KindOf finds a kind by its name.
func KindOf(name string) (Kind, error) {
	for _, k := range Kinds {
		if k.Name == name {
			return k, nil
		}
	}
	return Kind{}, fmt.Errorf("no kind of slow clients is called %q", name)
}

// Slow are clients of one address who keep as many connections as they can.
type Slow struct {
	Kind        Kind
	From, To    string // an address of this machine, and the server's host:port
	Connections int    // at the same time; one that ends is replaced
}

// Held is what the clients got.
type Held struct {
	Opened  int     `json:"opened"`          // connections that came about
	Mean    float64 `json:"mean_held"`       // at the same time, over the whole run
	Lived   float64 `json:"mean_seconds"`    // how long a connection lived
	Longest float64 `json:"longest_seconds"` // the same
}

// And is what two got together, in the same time.
func (h Held) And(o Held) Held {
	opened := h.Opened + o.Opened
	sum := h.Lived*float64(h.Opened) + o.Lived*float64(o.Opened)
	return Held{opened, h.Mean + o.Mean, sum / float64(max(1, opened)), max(h.Longest, o.Longest)}
}

// Run keeps the connections until ctx ends.
func (s Slow) Run(ctx context.Context) Held {
	began := time.Now()
	lives := make([][]time.Duration, s.Connections)
	var group sync.WaitGroup
	for i := range lives {
		group.Go(func() {
			for ctx.Err() == nil {
				lived, opened := s.hold(ctx)
				if opened {
					lives[i] = append(lives[i], lived)
				}
				if lived < betweenDrips/8 { // refused: no client gets more by asking faster
					pause.For(ctx, betweenDrips/8)
				}
			}
		})
	}
	group.Wait()
	var h Held
	var sum time.Duration
	for _, lived := range slices.Concat(lives...) {
		h.Opened++
		sum += lived
		h.Longest = max(h.Longest, lived.Seconds())
	}
	h.Mean, h.Lived = sum.Seconds()/time.Since(began).Seconds(), sum.Seconds()/float64(max(1, h.Opened))
	return h
}

// hold keeps one connection until it or ctx ends, and returns how long it lived.
func (s Slow) hold(ctx context.Context) (lived time.Duration, opened bool) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(s.From)}, Timeout: 10 * time.Second, KeepAlive: -1, Control: s.prepare}
	c, err := d.DialContext(ctx, "tcp", s.To)
	if err != nil {
		return 0, false
	}
	began := time.Now()
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer func() {
		if stop() {
			c.Close()
		}
	}()
	if err := c.(*net.TCPConn).SetLinger(0); err != nil { // nothing is left of it once it is closed
		return time.Since(began), true
	}
	send := s.Kind.head
	buffer := make([]byte, 2048)
	for ctx.Err() == nil {
		if send != "" {
			if err := c.SetWriteDeadline(time.Now().Add(betweenDrips)); err != nil {
				break
			}
			if _, err := c.Write([]byte(send)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
		}
		if !s.await(ctx, c, buffer) {
			break
		}
		send = s.Kind.drip
	}
	return time.Since(began), true
}

// await waits until it is time for the next drip, and returns false where the connection has ended.
func (s Slow) await(ctx context.Context, c net.Conn, buffer []byte) bool {
	if s.Kind.deaf {
		pause.For(ctx, betweenDrips)
		return true // the next write finds out
	}
	if err := c.SetReadDeadline(time.Now().Add(betweenDrips)); err != nil {
		return false
	}
	for {
		if _, err := c.Read(buffer); err != nil {
			return errors.Is(err, os.ErrDeadlineExceeded)
		}
	}
}

// prepare lets the kernel choose a port that is free towards the server, not everywhere, and
// keeps the buffer of who doesn't read small.
func (s Slow) prepare(_, _ string, raw syscall.RawConn) (err error) {
	cerr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err == nil && s.Kind.deaf {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 1)
		}
	})
	return errors.Join(cerr, err)
}
