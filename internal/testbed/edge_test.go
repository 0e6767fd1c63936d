package testbed_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
	"onsale/internal/upstream"
)

// What buyers notice of changes of the nodes, with Nginx's own upstream and with the balancer.

// edge is an Nginx whose nodes a publisher keeps, as an allocator's does.
type edge struct {
	*process.Nginx
	*membershiptest.Members
	published chan struct{}
}

// startEdge starts it in the mode, and returns once it has the nodes.
func startEdge(t *testing.T, mode upstream.Mode, nodes ...sale.Node) *edge {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} { // the workers must get in
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c, begin := upstream.DefaultConfig(mode), process.StartNginx
	if mode == upstream.Peers {
		begin = process.StartBalancer
	}
	n, err := begin(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = n.Stop(10 * time.Second) // the test's own failures are enough
		if t.Failed() {
			t.Logf("nginx logged:\n%s", n.Tail())
		}
	})
	if c.File = n.Upstream + n.Peers; mode == upstream.Rendered {
		c.Test, c.Reload = n.Test, n.Reload
	}
	e := &edge{n, membershiptest.New(nodes...), make(chan struct{}, 100)}
	p, err := upstream.New(e.Members, c, upstream.Hooks{Published: func(int, int, time.Duration) { e.published <- struct{}{} }}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-e.published
	await.Until(t, "a node answers", func() bool {
		status, _, err := process.Fetch(e.URL() + "/v1/sales/demo")
		return err == nil && status == http.StatusCreated
	})
	return e
}

// standIn is a node that sells whatever is asked for, after a moment.
func standIn(t *testing.T, name string) sale.Node {
	t.Helper()
	s := httptest.NewServer(standInHandler)
	t.Cleanup(s.Close)
	return sale.Node{Name: name, Address: s.Listener.Addr().String(), Weight: 1, Ready: true}
}

var standInHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(http.StatusCreated)
})

// standInMark has this program be a stand-in, which can be killed.
const standInMark = "ONSALE_TEST_STAND_IN"

// serveAsStandIn prints its address and serves, slowly enough that requests are under way when it is killed.
func serveAsStandIn() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(l.Addr())
	slow := func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond) // the service time: requests are under way when it is killed
		standInHandler(w, r)
	}
	fmt.Fprintln(os.Stderr, http.Serve(l, http.HandlerFunc(slow)))
	return 1
}

// buyers are clients that keep their connections and never send a request twice.
type buyers struct {
	stop    chan struct{}
	all     sync.WaitGroup
	mu      sync.Mutex
	sent    int
	retried int // answered by another node than the first
	failed  map[string]int
}

// buy has so many clients buy, each with a rest between two purchases.
func (e *edge) buy(clients int, rest time.Duration) *buyers {
	b := &buyers{stop: make(chan struct{}), failed: map[string]int{}}
	for range clients {
		b.all.Go(func() { b.run(process.Loopback(e.Port), rest) })
	}
	return b
}

// end stops the clients and returns how many requests failed.
func (b *buyers) end() (failed int) {
	close(b.stop)
	b.all.Wait()
	for _, n := range b.failed {
		failed += n
	}
	return failed
}

func (b *buyers) run(addr string, rest time.Duration) {
	var c net.Conn
	var r *bufio.Reader
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	pace := time.NewTicker(max(rest, 1))
	defer pace.Stop()
	for {
		select {
		case <-b.stop:
			return
		case <-pace.C:
		}
		var err error
		if c == nil {
			if c, err = net.Dial("tcp", addr); err == nil {
				r = bufio.NewReader(c)
			}
		}
		var a *http.Response
		if err == nil {
			a, err = purchase(c, r)
		}
		b.mu.Lock()
		b.sent++
		if err == nil && a.Header.Get("Onsale-Retried") != "" {
			b.retried++
		}
		if err != nil {
			b.failed[err.Error()]++
		}
		b.mu.Unlock()
		if c != nil && (err != nil || a.Close) {
			c.Close()
			c = nil
		}
	}
}

// purchase sends one on the connection. Any error counts as a failure that a buyer sees.
func purchase(c net.Conn, r *bufio.Reader) (*http.Response, error) {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: onsale\r\nContent-Length: 14\r\n\r\n{\"quantity\":1}"); err != nil {
		return nil, fmt.Errorf("the request could not be sent: %w", err)
	}
	a, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, fmt.Errorf("no answer: %w", err)
	}
	defer a.Body.Close()
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		return nil, err
	}
	if a.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("status %d", a.StatusCode)
	}
	return a, nil
}
