package generator

import (
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"
)

// answerAlways answers every request on a connection without allocating.
func answerAlways(t *testing.T, size int, answer []byte) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	serve := func(conn net.Conn) {
		defer conn.Close()
		buffer := make([]byte, size)
		for {
			if _, err := io.ReadFull(conn, buffer); err != nil {
				return
			}
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
	group.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		group.Wait()
	})
	return l
}

// Garbage of the generator's would take time from the servers on the same machine. What allocates
// grows with the run's time, by tenths of a second and by milliseconds with an answer "sold out".
func TestRefusedRequestsAllocateNothing(t *testing.T) {
	const requests = 20_000
	token := Buyer(10_000) // all are as long
	var all []string
	for range requests {
		all = append(all, token)
	}
	l := answerAlways(t, len(Purchase("s", token)), replySoldOut)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, err := send(Order{Addr: l.Addr().String(), Sale: "s", Requests: requests, Connections: 32, Timeout: time.Minute}, all, nil, never, nil)
	runtime.ReadMemStats(&after)
	if err != nil || r.Latencies[ClassSoldOut].Count() != requests {
		t.Fatalf("got %d refused, %v, want %d", r.Latencies[ClassSoldOut].Count(), err, requests)
	}
	if got := float64(after.Mallocs-before.Mallocs) / requests; got > 0.1 {
		t.Errorf("got %.2f allocations a request, want nearly none", got)
	}
}
