package buyerapi_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/buyerapi"
)

// listener accepts what its function returns.
type listener struct {
	net.Listener
	accept func() (net.Conn, error)
}

func (l listener) Accept() (net.Conn, error) { return l.accept() }

// fasthttp's Serve ended, and with it the node.
func TestTooManyConnectionsDoNotEndTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want, _ := net.Pipe()
		full := []error{syscall.EMFILE, syscall.ENFILE, syscall.EMFILE}
		l := buyerapi.Patient(listener{accept: func() (net.Conn, error) {
			if len(full) == 0 {
				return want, nil
			}
			err := full[0]
			full = full[1:]
			return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
		}})
		got, err := l.Accept()
		if err != nil || len(full) != 0 {
			t.Fatalf("got %v, want the connection that came when others had gone", err)
		}
		got.Close()
		if _, err := want.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("got %v, want the very connection that was accepted", err)
		}
	})
}

func TestAClosedListenerEndsTheServer(t *testing.T) {
	l := buyerapi.Patient(listener{accept: func() (net.Conn, error) { return nil, net.ErrClosed }})
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want net.ErrClosed", err)
	}
}

// moves counts how often a deadline reaches the connection itself.
type moves struct {
	net.Conn
	read, write []time.Time
}

func (m *moves) Read([]byte) (int, error)           { return 0, nil }
func (m *moves) SetReadDeadline(t time.Time) error  { m.read = append(m.read, t); return nil }
func (m *moves) SetWriteDeadline(t time.Time) error { m.write = append(m.write, t); return nil }

func TestDeadlinesMoveOnceASecond(t *testing.T) {
	m := &moves{}
	c, err := buyerapi.Patient(listener{accept: func() (net.Conn, error) { return m, nil }}).Accept()
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now().Add(time.Minute) // as long as the door gives a new connection
	if _, err := c.Read(nil); err != nil {
		t.Fatal(err)
	}
	for i := range 35 { // three and a half seconds of requests
		at := start.Add(time.Duration(i) * 100 * time.Millisecond)
		if err := errors.Join(c.SetReadDeadline(at), c.SetWriteDeadline(at)); err != nil {
			t.Fatal(err)
		}
		for _, stands := range [][]time.Time{m.read, m.write} {
			if behind := at.Sub(stands[len(stands)-1]); behind < 0 || behind >= time.Second {
				t.Fatalf("got a deadline %v behind the one wanted, want less than a second", behind)
			}
		}
	}
	if len(m.read) != 4 || len(m.write) != 4 {
		t.Errorf("got %d and %d moves in 3.5 seconds, want 4 each", len(m.read), len(m.write))
	}
	t.Run("an earlier one with the next read", func(t *testing.T) {
		stood := len(m.read)
		if err := c.SetReadDeadline(start); err != nil || len(m.read) != stood {
			t.Errorf("got %d moves, %v, want none yet", len(m.read)-stood, err)
		}
		for range 2 {
			if _, err := c.Read(nil); err != nil || len(m.read) != stood+1 || m.read[stood] != start {
				t.Errorf("got %v, %v, want one move, to %v", m.read[stood:], err, start)
			}
		}
	})
	t.Run("an earlier one not at all, if a later one comes before the next read", func(t *testing.T) {
		later := start.Add(time.Minute)
		stood := len(m.read)
		err := errors.Join(c.SetReadDeadline(later), c.SetReadDeadline(start), c.SetReadDeadline(later.Add(time.Millisecond)))
		if _, rerr := c.Read(nil); err != nil || rerr != nil || len(m.read) != stood+1 || m.read[stood] != later {
			t.Errorf("got %v, %v, %v, want one move, to %v", m.read[stood:], err, rerr, later)
		}
	})
	t.Run("none at once", func(t *testing.T) {
		if err := c.SetReadDeadline(time.Time{}); err != nil || !m.read[len(m.read)-1].IsZero() {
			t.Errorf("got %v, %v, want none", m.read[len(m.read)-1], err)
		}
	})
}
