package generator

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"
)

// TestMain lets the test binary be the generator's process too: Start starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "generate" {
		var cli struct {
			Generate Command `cmd:""`
		}
		command := kong.Parse(&cli)
		command.FatalIfErrorf(command.Run())
		return
	}
	goleak.VerifyTestMain(m)
}

// server answers by a script, until the test ends.
type server struct {
	addr     string
	accepted atomic.Int64
	asked    atomic.Int64
	listener net.Listener
	group    sync.WaitGroup
	ended    chan struct{}

	mu    sync.Mutex
	conns []net.Conn
}

// attempt is a request that has come.
type attempt struct {
	net.Conn
	server *server
	number int64 // from 1, in order of arrival
	token  string
	mine   bool // it asks for the buyer's order
}

// script answers a request, and reports whether the connection stays open. It may wait
// for the server's ended.
type script func(attempt) bool

func startServer(t *testing.T, answer script) *server {
	t.Helper()
	return startServerAt(t, "127.0.0.1:0", answer)
}

func startServerAt(t *testing.T, addr string, answer script) *server {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: l.Addr().String(), listener: l, ended: make(chan struct{})}
	s.group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.accepted.Add(1)
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.group.Go(func() { s.serve(conn, answer) })
		}
	})
	t.Cleanup(func() {
		s.die()
		s.group.Wait()
	})
	return s
}

func (s *server) serve(conn net.Conn, answer script) {
	defer conn.Close()
	for in := bufio.NewReader(conn); ; {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		mine := r.Method == http.MethodGet && r.URL.Path == "/v1/sales/s/orders/mine"
		if err != nil || !mine && (string(body) != `{"quantity":1}` || r.URL.Path != "/v1/sales/s/orders") {
			_, _ = conn.Write(reply500)
			return
		}
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !answer(attempt{conn, s, s.asked.Add(1), token, mine}) {
			return
		}
	}
}

// die closes the server and its connections.
func (s *server) die() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ended:
		return
	default:
	}
	// First of all, so that no client which lost its connection gets another one here.
	s.listener.Close()
	close(s.ended)
	for _, c := range s.conns {
		c.Close()
	}
}

// render is an answer with a length.
func render(status int, body string, headers ...string) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 %d Whatever\r\nServer: test\r\nContent-Length: %d\r\n%s\r\n%s",
		status, len(body), strings.Join(headers, ""), body)
}

var (
	reply500     = render(500, "")
	replySold    = render(201, `{"id":"o","quantity":1,"sale":"s"}`)
	replySoldOut = render(409, `{"status":409,"code":"sold-out","detail":"x"}`)
)

// always sends the same answer.
func always(answer []byte) script {
	return func(v attempt) bool {
		_, err := v.Write(answer)
		return err == nil
	}
}

// closed is an order of a closed loop.
func closed(s *server, requests, connections int) Order {
	return Order{Addr: s.addr, Sale: "s", Requests: requests, Connections: connections, Timeout: 10 * time.Second}
}

// open is an order of an open loop.
func open(s *server, requests, connections int, rate float64) Order {
	o := closed(s, requests, connections)
	o.Rate, o.Late = rate, 10*time.Second
	return o
}

func never() bool { return false }

// tokens are the buyers' names.
func tokens(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = Buyer(i)
	}
	return all
}

// mustSend makes a run, and checks what is true of every whole one.
func mustSend(t *testing.T, o Order) Run {
	t.Helper()
	r, err := send(o, tokens(o.First+o.Requests), nil, never, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, o, r)
	return r
}

// watch makes a run, and looks at its engine in each of its turns. look reports whether to stop.
func watch(t *testing.T, o Order, look func(e *engine) (stop bool)) (Run, error) {
	t.Helper()
	var e *engine
	e, err := newEngine(o, tokens(o.First+o.Requests), nil, func() bool { return look(e) })
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	return e.run()
}

// mustWatch watches a run that ends by itself.
func mustWatch(t *testing.T, o Order, look func(e *engine)) Run {
	t.Helper()
	r, err := watch(t, o, func(e *engine) bool { look(e); return false })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func checkSums(t *testing.T, o Order, r Run) {
	t.Helper()
	if r.Intended != int64(o.Requests) || r.Sent+r.Dropped != r.Intended {
		t.Errorf("got %d intended, %d sent, %d dropped, want %d intended, and all of them sent or dropped", r.Intended, r.Sent, r.Dropped, o.Requests)
	}
	var timed, statuses, pointed int64
	for _, l := range r.Latencies {
		timed += l.Count()
	}
	for _, n := range r.Statuses {
		statuses += n
	}
	for _, p := range r.Timeline {
		for _, n := range p.Answers {
			pointed += n
		}
	}
	if timed != r.Sent || pointed != r.Sent || statuses != r.Completed {
		t.Errorf("got %d latencies, %d in the timeline, %d statuses; want %d, %d, %d", timed, pointed, statuses, r.Sent, r.Sent, r.Completed)
	}
}
