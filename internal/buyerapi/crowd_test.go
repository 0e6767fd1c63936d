package buyerapi_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/buyerapi"
)

// kinds are how many connections keep their buffers: here all, or none.
var kinds = map[string]int{"roomy": 1 << 20, "thrifty": 0}

// A client that sent its request byte by byte held its connection for a minute, as long as an idle one may.
func TestASlowClientIsCutOffAnIdleOneIsNot(t *testing.T) {
	t.Parallel()
	for name, roomy := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers := buyerapi.NewServers((&site{}).open(t).handler, time.Minute, roomy)
			servers.Each(func(s *fasthttp.Server) {
				if s.ReadTimeout > 10*time.Second || s.WriteTimeout > 10*time.Second || s.IdleTimeout != time.Minute {
					t.Errorf("got %v to read, %v to write and %v to idle", s.ReadTimeout, s.WriteTimeout, s.IdleTimeout)
				}
				s.ReadTimeout = 2 * time.Second // a deadline may come a second early
			})
			a := listenAt(t, servers, buyerapi.Patient)
			idle, slow, silent := a.dial(t), a.dial(t), a.dial(t)
			whole := raw("GET", "/v1/sales/s", "")
			for _, c := range []*connection{idle, slow} {
				if got := c.send(t, "GET", whole); got.StatusCode != http.StatusOK {
					t.Fatalf("got %s, want 200", got.Status)
				}
			}
			began := time.Now()
			wantProblem(t, slow.send(t, "GET", whole[:10]), buyerapi.RequestTimeout)
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("got it cut off after %v, want about two seconds", took)
			}
			for _, c := range []*connection{idle, silent} { // for as long
				if got := c.send(t, "GET", whole); got.StatusCode != http.StatusOK {
					t.Errorf("got %s, want 200", got.Status)
				}
			}
			first := a.dial(t) // nor may the first request be slow
			wantProblem(t, first.send(t, "GET", whole[:10]), buyerapi.RequestTimeout)
		})
	}
}

func TestAConnectionWithoutBuffersReadsWhatComesInAnyPieces(t *testing.T) {
	t.Parallel()
	for name, roomy := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := listenAt(t, buyerapi.NewServers((&site{}).open(t).handler, time.Minute, roomy), buyerapi.Patient).dial(t)
			get := raw("GET", "/v1/sales/s", "")
			long := raw("GET", "/v1/sales/s", "", "X-Long: "+strings.Repeat("x", 7<<10))
			buy := func(buyer string) string {
				return raw("POST", "/v1/sales/s/orders", `{"quantity":1}`, bearer(token(t, buyer)))
			}
			for _, pieces := range [][]string{
				{get}, {get[:1], get[1:]}, strings.Split(get, ""), {long}, {long[:4000], long[4000:]},
				{get + get}, {get + get[:1], get[1:]}, {get + long}, {strings.Repeat(get, 300)},
			} {
				sent := strings.Join(pieces, "")
				go func() {
					for _, piece := range pieces {
						if _, err := io.WriteString(c, piece); err != nil {
							t.Errorf("writing: %v", err)
						}
						if len(pieces) > 1 {
							time.Sleep(2 * time.Millisecond) // so that they arrive as pieces
						}
					}
				}()
				for n := range strings.Count(sent, "GET ") {
					r, err := http.ReadResponse(c.in, nil)
					if err != nil || r.StatusCode != http.StatusOK {
						t.Fatalf("%d pieces of %d bytes: got %v, %v for request %d, want 200", len(pieces), len(sent), r, err, n)
					}
					if _, err := io.Copy(io.Discard, r.Body); err != nil {
						t.Fatal(err)
					}
				}
			}
			if got := c.send(t, "POST", buy("alice")); got.StatusCode != http.StatusCreated {
				t.Errorf("got %s %s, want 201", got.Status, got.body)
			}
			wantProblem(t, c.send(t, "GET", raw("GET", "/v1/sales/s", "", "X-Long: "+strings.Repeat("x", 9<<10))), buyerapi.HeaderTooLarge)
		})
	}
}

// What a connection that waits for its next request takes: without buffers, the goroutine's stack and a kilobyte.
func TestConnectionsBeyondTheRoomyOnesTakeLessMemory(t *testing.T) {
	const connections, roomy = 200, 20
	h := (&site{}).open(t).handler
	each := func(name string, roomy int) (bytes float64) {
		t.Run(name, func(t *testing.T) { bytes = idleBytes(t, h, connections, roomy) })
		return bytes
	}
	full, few := each("all roomy", connections), each("few roomy", roomy)
	t.Logf("%.0f bytes of heap a connection, and %.0f where %d of %d are roomy", full, few, roomy, connections)
	if few > full-8000 {
		t.Errorf("got %.0f bytes a connection, want %.0f at most", few, full-8000)
	}
}

// idleBytes is how many bytes of the heap one of so many connections takes that have been served once.
func idleBytes(t *testing.T, h *buyerapi.Handler, connections, roomy int) float64 {
	a := listenAt(t, buyerapi.NewServers(h, time.Minute, roomy), buyerapi.Patient)
	before := inUse()
	for range connections {
		a.dial(t).send(t, "GET", raw("GET", "/v1/sales/s", ""))
	}
	return (inUse() - before) / float64(connections)
}

// inUse is how many bytes of the heap are alive.
func inUse() float64 {
	runtime.GC()
	runtime.GC() // what a pool holds survives the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func TestAShutdownClosesTheIdleConnectionsOfBothServers(t *testing.T) {
	t.Parallel()
	servers := buyerapi.NewServers((&site{}).open(t).handler, time.Minute, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- servers.Serve(buyerapi.Patient(l)) }()
	a := address(l.Addr().String())
	conns := []*connection{a.dial(t), a.dial(t), a.dial(t)}
	for _, c := range conns {
		c.send(t, "GET", raw("GET", "/v1/sales/s", ""))
	}
	if err := servers.ShutdownWithContext(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	for i, c := range conns {
		if _, err := c.in.ReadByte(); err != io.EOF {
			t.Errorf("connection %d: got %v, want its end", i, err)
		}
	}
}
