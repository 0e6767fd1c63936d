package nginx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"onsale/internal/testbed/flood"
	"onsale/internal/testbed/process"
)

// isolated runs the calling test once more in a network namespace of its own, and returns true there.
func isolated(t *testing.T) bool {
	t.Helper()
	const mark = "ONSALE_TEST_ISOLATED"
	if os.Getenv(mark) != "" {
		if err := process.AddNetworks(t.Context(), "10.66.0.0/16", "2001:db8::/32"); err != nil {
			t.Fatal(err)
		}
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	process.Isolate(cmd)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(process.Isolated(err))
	}
	return false
}

// small starts an Nginx with so many connections, on one worker, so that a few clients can take all.
func small(t *testing.T, connections int) *edge {
	t.Helper()
	e := &edge{Addr: freeAddr(t), Prefix: lay(t), client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	conf := shipped(t, "nginx.conf")
	for old, now := range map[string]string{
		`worker_processes auto;`:  "worker_processes 1;",
		`worker_connections \d+;`: fmt.Sprintf("worker_connections %d;", connections),
	} {
		changed := regexp.MustCompile(old).ReplaceAllString(conf, now)
		if changed == conf {
			t.Fatalf("nginx.conf has no %s", old)
		}
		conf = changed
	}
	write(t, filepath.Join(e.Prefix, "nginx.conf"), conf)
	write(t, filepath.Join(e.Prefix, "site", "listen.conf"), "listen "+e.Addr+";")
	write(t, filepath.Join(e.Prefix, "site", "upstream.conf"), servers(startNode(t, sells)))
	e.run(t, nil)
	return e
}

func (e *edge) port(t *testing.T) int {
	t.Helper()
	_, port, err := net.SplitHostPort(e.Addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Slow clients of one address took every connection of Nginx, and buyers were reset.
func TestSlowClientsOfOneAddressTakeNoConnectionFromOthers(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	e := small(t, 512)
	if err := process.LimitConnections(t.Context(), e.port(t), 100); err != nil {
		t.Fatal(err)
	}
	for i, kind := range flood.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			buyer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(10, 66, 0, byte(2+i))}}
			e.client.Transport = &http.Transport{DisableKeepAlives: true, DialContext: buyer.DialContext}
			ctx, cancel := context.WithCancel(t.Context())
			held := make(chan flood.Held)
			slow := flood.Slow{Kind: kind, From: fmt.Sprint("10.66.0.", 100+i), To: e.Addr, Connections: 700}
			go func() { held <- slow.Run(ctx) }()
			for began := time.Now(); time.Since(began) < 700*time.Millisecond; time.Sleep(5 * time.Millisecond) {
				wantStatus(t, e.buy(t, "demo"), http.StatusCreated)
			}
			cancel()
			h := <-held
			if h.Opened < 100 {
				t.Errorf("got %d connections of the slow, want the 100 that an address may have", h.Opened)
			}
		})
	}
}

// Every buyer who found no connection free was a line of the log, thousands a second.
func TestTheLogIsBoundedWhenConnectionsRunOut(t *testing.T) {
	t.Parallel()
	e := small(t, 64)
	ctx, cancel := context.WithCancel(t.Context())
	held := make(chan flood.Held)
	go func() {
		held <- flood.Slow{Kind: flood.Kinds[0], From: "127.0.0.66", To: e.Addr, Connections: 500}.Run(ctx)
	}()
	const want = 100
	refused, began := 0, time.Now()
	for ; time.Since(began) < 2*time.Second || refused < want && time.Since(began) < 30*time.Second; time.Sleep(5 * time.Millisecond) {
		if a, err := e.client.Get("http://" + e.Addr + "/nginx-health"); err != nil {
			refused++
		} else if err := a.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	cancel()
	<-held
	if refused < want {
		t.Fatalf("got %d buyers without a connection in 30 s, want %d: nothing was tried", refused, want)
	}
	log, seconds := e.log.String(), int(time.Since(began).Seconds())+1
	if got := strings.Count(log, "\n"); got > seconds+1 {
		t.Errorf("got %d lines in %d s while %d buyers and more slow clients were refused, want one a second", got, seconds, refused)
	}
	if !strings.Contains(log, "worker_connections are not enough, reusing connections") {
		t.Errorf("got no line that reports that connections run short")
	}
}

// A refused body was read for half a minute, on a connection that no limit counted.
func TestNginxDoesNotReadForLongWhatItRefused(t *testing.T) {
	t.Parallel()
	e := start(t, site{})
	for name, c := range map[string]struct {
		text string
		most time.Duration
	}{
		"a refused body":                   {"POST /v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n", 2 * time.Second},
		"a header that comes byte by byte": {"GET /v1/x HTTP/1.1\r\nHost: x\r\nX: ", 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c1, err := net.Dial("tcp", e.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c1.Close()
			if err := c1.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			ended := make(chan error, 1)
			go func() { _, err := io.Copy(io.Discard, c1); ended <- err }()
			for _, err = io.WriteString(c1, c.text); err == nil; _, err = io.WriteString(c1, "x") {
				time.Sleep(100 * time.Millisecond)
			}
			<-ended
			if took := time.Since(began); took > c.most+2*time.Second { // Nginx counts in whole seconds
				t.Errorf("got a connection of %v, want %v", took, c.most)
			}
		})
	}
}

// The ruleset itself: whom it counts together, whom not at all, and that a place comes free again.
func TestTheRulesetBoundsTheConnectionsOfOneAddress(t *testing.T) {
	t.Parallel()
	if !isolated(t) {
		return
	}
	const most = 20
	listen := func() *net.TCPListener {
		l, err := net.Listen("tcp", "[::]:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l.(*net.TCPListener)
	}
	bounded, other := listen().Addr().(*net.TCPAddr).Port, listen().Addr().(*net.TCPAddr).Port
	if err := process.LimitConnections(t.Context(), bounded, most); err != nil {
		t.Fatal(err)
	}
	// open has the addresses connect by turns, and returns how many connections they got.
	open := func(t *testing.T, n, port int, from ...string) (got int, opened []net.Conn) {
		t.Helper()
		for i := range n {
			ip := net.ParseIP(from[i%len(from)])
			to := net.JoinHostPort("::1", strconv.Itoa(port))
			if ip.To4() != nil {
				to = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
			}
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: ip}, Timeout: 100 * time.Millisecond, Control: anyAddress}
			c, err := d.DialContext(t.Context(), "tcp", to)
			if err != nil {
				var timeout net.Error
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Fatalf("got %v, want a connection, or silence", err)
				}
				continue
			}
			t.Cleanup(func() { c.Close() })
			got, opened = got+1, append(opened, c)
		}
		return got, opened
	}
	for name, c := range map[string]struct {
		port, want int
		from       []string
	}{
		"an address":                       {bounded, most, []string{"10.66.1.1"}},
		"two addresses":                    {bounded, most + 5, []string{"10.66.1.2", "10.66.1.3"}},
		"an IPv6 network":                  {bounded, most, []string{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2"}},
		"neighbouring IPv6 networks":       {bounded, most + 5, []string{"2001:db8:0:2::1", "2001:db8:0:3::1"}},
		"loopback, which is trusted":       {bounded, most + 5, []string{"127.0.0.9"}},
		"IPv6 loopback, which is trusted":  {bounded, most + 5, []string{"::1"}},
		"a port of something else":         {other, most + 5, []string{"10.66.1.4"}},
		"a port of something else by IPv6": {other, most + 5, []string{"2001:db8:0:4::1"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := open(t, most+5, c.port, c.from...); got != c.want {
				t.Errorf("got %d connections, want %d", got, c.want)
			}
		})
	}
	t.Run("places come free", func(t *testing.T) {
		_, opened := open(t, most, bounded, "10.66.1.5")
		for _, c := range opened[:3] {
			if err := c.(*net.TCPConn).SetLinger(0); err != nil {
				t.Error(err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if got, _ := open(t, 5, bounded, "10.66.1.5"); got != 3 {
			t.Errorf("got %d connections, want the 3 that were closed", got)
		}
	})
}

// anyAddress lets a socket have an address that no interface has.
func anyAddress(_, _ string, raw syscall.RawConn) (err error) {
	cerr := raw.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_IP, unix.IP_FREEBIND, 1) })
	return errors.Join(cerr, err)
}
