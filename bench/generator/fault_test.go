package generator

import (
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// every sends answer for each so many requests, and the good one for all others.
func every(n int64, faulty, good script) script {
	return func(v attempt) bool {
		if v.number%n == 0 {
			return faulty(v)
		}
		return good(v)
	}
}

// Each fault costs the request that it hit, by name, and no other: the connection is
// replaced.
func TestFaultsCostOneRequest(t *testing.T) {
	hangUp := func(v attempt) bool { return false }
	send := func(answer string, stays bool) script {
		return func(v attempt) bool {
			_, err := v.Write([]byte(answer))
			return err == nil && stays
		}
	}
	for name, c := range map[string]struct {
		faulty script
		kind   string
	}{
		"closed before any byte": {hangUp, errClosed},
		"reset": {func(v attempt) bool {
			_ = v.Conn.(*net.TCPConn).SetLinger(0)
			return false
		}, errReset},
		"half a header": {send("HTTP/1.1 201 Cre", false), errCut},
		"half a body":   {send(string(replySold[:len(replySold)-3]), false), errCut},
		"chunked":       {send("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true), errChunked},
		"two answers":   {send(string(replySold)+string(replySold), true), errMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, every(10, c.faulty, always(replySold)))
			r := mustSend(t, closed(s, 100, 4))
			if diff := cmp.Diff(map[string]int64{c.kind: 10}, r.Errors); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if r.Completed != 90 || len(r.Acks) != 90 || r.Latencies[ClassError].Count() != 10 || s.asked.Load() != 100 {
				t.Errorf("got %d answers, %d acks, %d latencies of errors, %d requests at the server, want 90, 90, 10, 100",
					r.Completed, len(r.Acks), r.Latencies[ClassError].Count(), s.asked.Load())
			}
			// The last four faults may each end the run before a connection is made again.
			if got := s.accepted.Load(); got < 4+10-4 || got > 4+10 {
				t.Errorf("got %d connections, want the 4 and one for each fault", got)
			}
		})
	}
}

func TestStatusThatNoBuyerShouldGetIsAnError(t *testing.T) {
	s := startServer(t, every(4, always(reply500), always(replySoldOut)))
	r := mustSend(t, closed(s, 40, 2))
	if diff := cmp.Diff(map[string]int64{"status 500": 10}, r.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if r.Completed != 40 || r.Latencies[ClassError].Count() != 10 || s.accepted.Load() != 2 {
		t.Errorf("got %d answers, %d errors, %d connections, want 40, 10, 2", r.Completed, r.Latencies[ClassError].Count(), s.accepted.Load())
	}
}

func TestAnswerInPiecesIsOneAnswer(t *testing.T) {
	s := startServer(t, func(v attempt) bool {
		for i := range replySold {
			if _, err := v.Write(replySold[i : i+1]); err != nil {
				return false
			}
		}
		return true
	})
	r := mustSend(t, closed(s, 20, 2))
	if len(r.Acks) != 20 || len(r.Errors) != 0 {
		t.Errorf("got %d acks, errors %v, want 20 and none", len(r.Acks), r.Errors)
	}
}

func TestServerThatClosesEachConnection(t *testing.T) {
	last := render(201, `{"id":"o","quantity":1}`, "Connection: close\r\n")
	s := startServer(t, func(v attempt) bool {
		_, _ = v.Write(last)
		return false
	})
	for name, o := range map[string]Order{"closed loop": closed(s, 200, 4), "open loop": open(s, 200, 4, 2000)} {
		t.Run(name, func(t *testing.T) {
			before := s.accepted.Load()
			r := mustSend(t, o)
			if r.Completed != 200 || len(r.Errors) != 0 {
				t.Errorf("got %d answers, errors %v, want 200 and none", r.Completed, r.Errors)
			}
			if got := s.accepted.Load() - before; got < 200 {
				t.Errorf("got %d connections, want one a request", got)
			}
		})
	}
}

func TestServerThatNeverAnswers(t *testing.T) {
	s := startServer(t, func(v attempt) bool {
		<-v.server.ended
		return false
	})
	o := closed(s, 6, 2)
	o.Timeout = 50 * time.Millisecond
	r := mustSend(t, o)
	if diff := cmp.Diff(map[string]int64{errTimeout: 6}, r.Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if l := r.Latencies[ClassError]; l.Quantile(0) < o.Timeout-ms || r.Completed != 0 {
		t.Errorf("got errors after %v, %d answers, want none before %v", l.Quantile(0), r.Completed, o.Timeout)
	}
}

// A generator that sleeps past the timeout while the answers lie there must read them
// before it gives anything up.
func TestAnswersThatCameWhileItSleptAreRead(t *testing.T) {
	s := startServer(t, always(replySold))
	o := closed(s, 200, 4)
	o.Timeout = 200 * time.Millisecond
	slept := false
	r, err := send(o, tokens(200), nil, func() bool {
		if s.asked.Load() >= 20 && !slept {
			slept = true
			time.Sleep(2 * o.Timeout) // the stall: the run is stopped for longer than an answer may take
		}
		return false
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slept || len(r.Errors) != 0 || r.Completed != 200 {
		t.Errorf("got slept %v, errors %v, %d answers, want no error and 200", slept, r.Errors, r.Completed)
	}
}

// An idle connection that the server closes, or speaks on, carries no request: nothing
// is lost with it.
func TestIdleConnectionsAreReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		farewell string
		want     map[string]int64
	}{
		"closed":    {"", map[string]int64{}},
		"spoken on": {"HTTP/1.1 408 Request Timeout\r\n\r\n", map[string]int64{errUnasked: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			s := startServer(t, func(v attempt) bool {
				if v.number > 1 {
					return always(replySold)(v)
				}
				_, _ = v.Write(replySold)
				<-gone
				_, _ = v.Write([]byte(c.farewell))
				return false
			})
			// A single connection. Its first answer is read before the farewell is sent, and
			// the second request is due long after.
			o := open(s, 2, 1, 2)
			closing := false
			r := mustWatch(t, o, func(e *engine) {
				if !closing && e.tally.run.Completed == 1 {
					closing = true
					close(gone)
				}
			})
			checkSums(t, o, r)
			if diff := cmp.Diff(c.want, r.Errors); diff != "" || r.Completed != 2 || s.accepted.Load() != 2 {
				t.Errorf("got %d answers on %d connections, want 2 on 2; errors (-want +got):\n%s", r.Completed, s.accepted.Load(), diff)
			}
		})
	}
}

// dying answers nineteen requests, and dies of the twentieth.
func dying(v attempt) bool {
	switch {
	case v.number == 20:
		v.server.die()
	case v.number > 20: // others must not be served until it is dead
		<-v.server.ended
	default:
		return always(replySold)(v)
	}
	return false
}

// A server that dies must end the run, one way or the other.
func TestServerThatDies(t *testing.T) {
	for name, adjust := range map[string]func(*Order){
		"closed loop": func(o *Order) { o.Timeout = 100 * time.Millisecond },
		"open loop":   func(o *Order) { o.Rate, o.Late = 1000, 50*time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			o := closed(startServer(t, dying), 300, 4)
			adjust(&o)
			r := mustSend(t, o)
			if r.Completed < 15 || r.Dropped < 200 || r.Errors[errRefused] == 0 {
				t.Errorf("got %d answers, %d dropped, errors %v, want some, most, and refused connections", r.Completed, r.Dropped, r.Errors)
			}
		})
	}
}

// replaced makes a run to a server that dies. Another takes its place once every connection is broken.
func replaced(t *testing.T, o Order) (r Run, again *server) {
	t.Helper()
	r = mustWatch(t, o, func(e *engine) {
		if again == nil && e.tally.run.Errors[errRefused] > 0 && e.in[broken] == o.Connections {
			again = startServerAt(t, o.Addr, always(replySold))
		}
	})
	return r, again
}

func TestServerThatComesBackIsFoundAgain(t *testing.T) {
	o := closed(startServer(t, dying), 300, 4)
	r, again := replaced(t, o)
	checkSums(t, o, r)
	// Each connection loses one request at most with the first server.
	if r.Dropped != 0 || again == nil || again.asked.Load() == 0 || r.Completed < 296 {
		t.Errorf("got %d answers, %d dropped, errors %v, want all that were left to reach the second server", r.Completed, r.Dropped, r.Errors)
	}
}
