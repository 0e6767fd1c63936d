package membership

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
)

// testMember is a real member on a loopback port, with what it logged and
// what its hooks received.
type testMember struct {
	*Gossip
	logs   *observer.ObservedLogs
	wire   *wire
	cancel context.CancelFunc
	done   chan error

	mu     sync.Mutex
	events []string // "joined n1", "failed n2", …
}

// testConfig is a node's that finds the others faster than the default.
func testConfig(name string, seeds ...string) Config {
	c := DefaultConfig()
	c.Name, c.Seeds = name, seeds
	c.Bind = "127.0.0.1:0"
	c.Node.Address = "127.0.0.1:8080"
	c.Rejoin = 500 * time.Millisecond
	return c
}

// start runs a member until the test ends, and returns once it listens.
func start(t testing.TB, cfg Config, prepare ...func(*Gossip)) *testMember {
	t.Helper()
	core, logs := observer.New(zapcore.DebugLevel)
	m := &testMember{logs: logs, wire: newWire(t, cfg.Bind), done: make(chan error, 1)}
	record := func(what string) func(sale.Node) {
		return func(n sale.Node) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.events = append(m.events, what+" "+n.Name)
		}
	}
	g, err := New(cfg, nil, zap.New(core), Hooks{
		Joined: record("joined"), Left: record("left"), Failed: record("failed"), Updated: record("updated"),
	})
	if err != nil {
		t.Fatal(err)
	}
	g.transport = m.wire
	m.Gossip = g
	for _, p := range prepare {
		p(g)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go func() { m.done <- g.Run(ctx) }()
	t.Cleanup(func() { m.stop(t) })
	select {
	case <-g.Started():
	case err := <-m.done:
		m.done <- err
		t.Fatalf("got %v, want a member that starts", err)
	}
	return m
}

// stop ends the member as an operator would, and waits for it.
func (m *testMember) stop(t testing.TB) {
	t.Helper()
	m.cancel()
	err := await.Return(t, m.done)
	m.done <- err
	if err != nil {
		t.Errorf("%s: Run returned %v, want nil", m.cfg.Name, err)
	}
}

// crash is what a killed process looks like from outside: silence.
func (m *testMember) crash() { m.wire.reach(func(string) bool { return false }) }

// received counts an event, such as "joined n1".
func (m *testMember) received(event string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := 0
	for _, e := range m.events {
		if e == event {
			count++
		}
	}
	return count
}

// startNodes starts n0 … n(count−1), all seeded by n0, and waits until all
// see all.
func startNodes(t testing.TB, count int, change ...func(*Config)) []*testMember {
	t.Helper()
	var nodes []*testMember
	for i := range count {
		c := testConfig(fmt.Sprint("n", i))
		if i > 0 {
			c.Seeds = []string{nodes[0].LocalAddr()}
		}
		for _, f := range change {
			f(&c)
		}
		nodes = append(nodes, start(t, c))
	}
	// Cleanups run last in, first out: all are stopped before the first
	// one is waited for.
	t.Cleanup(func() {
		for _, n := range nodes {
			n.cancel()
		}
	})
	await.Within(t, 30*time.Second, "everyone in every view", func() bool { return allSee(nodes, count) })
	return nodes
}

func allSee(nodes []*testMember, count int) bool {
	for _, n := range nodes {
		if len(n.View()) != count {
			return false
		}
	}
	return true
}

func names(v sale.View) []string {
	names := []string{}
	for _, n := range v {
		names = append(names, n.Name)
	}
	return names
}

// wire is the real transport, but a test sets whom it reaches. It
// drops what it sends and what it receives, so that one side suffices.
type wire struct {
	*transport
	packets chan *memberlist.Packet
	streams chan net.Conn
	stopped chan struct{}
	pumps   sync.WaitGroup

	mu      sync.Mutex
	reaches func(address string) bool
	loses   func(packet []byte) bool // of those that come; nil: none
}

func newWire(t testing.TB, bind string) *wire {
	t.Helper()
	ip, port, err := splitBind(bind)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := listen(ip, port, log.New(io.Discard, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{
		transport: inner,
		packets:   make(chan *memberlist.Packet, 1),
		streams:   make(chan net.Conn),
		stopped:   make(chan struct{}),
	}
	w.reach(func(string) bool { return true })
	w.pumps.Go(w.pump)
	return w
}

// reach sets to which peers' gossip addresses packets and streams go. Incoming
// streams have another port, so they pass unless no peer is reached.
func (w *wire) reach(reaches func(address string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reaches = reaches
}

func (w *wire) open(address string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reaches(address)
}

// lose sets which of the packets that come get lost.
func (w *wire) lose(loses func(packet []byte) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loses = loses
}

func (w *wire) lost(packet []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.loses != nil && w.loses(packet)
}

func (w *wire) pump() {
	for {
		select {
		case c := <-w.transport.StreamCh():
			if !w.open("") {
				_ = c.Close()
				continue
			}
			select {
			case w.streams <- c:
			case <-w.stopped:
				_ = c.Close()
			}
		case <-w.stopped:
			return
		}
	}
}

// PacketCh waits for a packet that is let through, or for Shutdown.
func (w *wire) PacketCh() <-chan *memberlist.Packet {
	for {
		select {
		case p := <-w.transport.PacketCh():
			if w.open(p.From.String()) && !w.lost(p.Buf) {
				w.packets <- p
				return w.packets
			}
		default:
			return w.packets
		}
	}
}

func (w *wire) StreamCh() <-chan net.Conn { return w.streams }

func (w *wire) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if !w.open(a.Addr) {
		return time.Now(), nil
	}
	return w.transport.WriteToAddress(b, a)
}

func (w *wire) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if !w.open(a.Addr) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	}
	return w.transport.DialAddressTimeout(a, timeout)
}

// Shutdown stops the sockets first: the loop of streams may be waiting for the pump.
func (w *wire) Shutdown() error {
	err := w.transport.Shutdown()
	close(w.stopped)
	w.pumps.Wait()
	return err
}
