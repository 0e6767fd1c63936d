package adminport

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/testbed/await"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve serves "fine" at every path but /slow, which answers once release is closed.
func serve(t *testing.T) (p *Port, release chan struct{}) {
	t.Helper()
	p, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	release = make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") })
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		<-release
		fmt.Fprint(w, "at last")
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx, mux) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve returned %v, want nil", err)
		}
	})
	return p, release
}

func dial(t *testing.T, p *Port) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// get sends a request on a connection and returns the answer's body and whether the connection ends with it.
func get(c net.Conn, path string) (body string, last bool, err error) {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path); err != nil {
		return "", false, err
	}
	a, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", false, err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	return string(text), a.Close, err
}

func ask(t *testing.T, c net.Conn, path, want string) {
	t.Helper()
	if got, _, err := get(c, path); err != nil || got != want {
		t.Errorf("%s: got %q, %v, want %q", path, got, err, want)
	}
}

func places(p *Port) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Idle connections took every descriptor of the process, and with them its way to Redis.
func TestTwoThousandIdleConnectionsTakeNoPlaceFromOperators(t *testing.T) {
	p, _ := serve(t)
	idle := make([]net.Conn, 2000)
	for i := range idle {
		idle[i] = dial(t, p)
		if i%2 == 0 { // half of them begin a request, and never end it
			if _, err := io.WriteString(idle[i], "GET / HTTP/1.1\r\nHo"); err != nil && !strings.Contains(err.Error(), "reset") && !strings.Contains(err.Error(), "broken pipe") {
				t.Fatal(err)
			}
		}
	}
	ask(t, dial(t, p), "/", "fine")
	if got := places(p); got > Connections {
		t.Errorf("got %d connections, want at most %d", got, Connections)
	}
	_ = idle[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := idle[0].Read(make([]byte, 1)); err == nil {
		t.Error("got the first idle connection answered, want it closed")
	}
}

func TestRequestsUnderWayKeepTheirPlaces(t *testing.T) {
	p, release := serve(t)
	answers := make(chan error, Connections-1)
	for range Connections - 1 {
		c := dial(t, p)
		go func() {
			body, _, err := get(c, "/slow")
			if err == nil && body != "at last" {
				err = fmt.Errorf("got %q", body)
			}
			answers <- err
		}()
	}
	await.Until(t, "all requests under way", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		served := 0
		for _, c := range p.conns {
			if c.served {
				served++
			}
		}
		return served == Connections-1
	})
	for range 200 { // all in the one place that is left
		dial(t, p)
	}
	ask(t, dial(t, p), "/", "fine")
	close(release)
	for range Connections - 1 {
		if err := <-answers; err != nil {
			t.Errorf("a request under way failed: %v", err)
		}
	}
}
