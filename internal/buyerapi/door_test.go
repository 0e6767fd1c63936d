package buyerapi_test

import (
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/buyerapi"
)

// A connection for which there was no descriptor got no answer, and the node stayed ready.
func TestAFullDoorAnswersAndIsReported(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	door := buyerapi.NewDoor(2)
	at := door.At(l)
	defer at.Close()
	accepted := make(chan net.Conn, 3)
	go func() {
		for {
			c, err := at.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial()
	dial()
	first := <-accepted
	<-accepted
	if door.Short() || door.Open() != 2 {
		t.Errorf("got short %v with %d connections, want two and room enough", door.Short(), door.Open())
	}
	c := dial()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	raw, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(raw), "HTTP/1.1 503 ") || !strings.Contains(string(raw), `"code":"busy"`) {
		t.Errorf("got %q, %v, want the answer busy", raw, err)
	}
	head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	if _, length, _ := strings.Cut(head, "Content-Length: "); length != strconv.Itoa(len(body)) {
		t.Errorf("got the length %s of a body of %d", length, len(body))
	}
	if !door.Short() {
		t.Error("got room enough, want a door that is short")
	}
	first.Close()
	first.Close() // once counts
	if got := door.Open(); got != 1 {
		t.Errorf("got %d connections, want 1", got)
	}
	dial()
	<-accepted
}

func TestADoorWithoutDescriptorsIsShortUntilTheyComeFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 3
		door := buyerapi.NewDoor(0)
		l := door.At(listener{accept: func() (net.Conn, error) {
			if failures--; failures >= 0 {
				return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
			}
			return nil, net.ErrClosed
		}})
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		if !door.Short() {
			t.Error("got room enough, want a door that is short")
		}
		time.Sleep(3 * time.Second)
		if door.Short() {
			t.Error("got a door that is short, want room again")
		}
	})
}

// A flood of connections that found no place kept the node from selling: each answer costs as much as a sale.
func TestAFullDoorAnswersSoManyASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := buyerapi.NewDoor(1)
		came, began := 0, time.Now()
		l := door.At(listener{accept: func() (net.Conn, error) {
			if time.Since(began) >= time.Second {
				return nil, net.ErrClosed
			}
			came++
			client, server := net.Pipe()
			if came > 1 {
				go func() {
					_, _ = io.Copy(io.Discard, client)
					client.Close()
				}()
			}
			return server, nil
		}})
		first, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
		if came < 1000 || came > 2500 {
			t.Errorf("got %d connections taken in a second, want about 2,000", came)
		}
		if !door.Short() {
			t.Error("got room enough, want a door that is short")
		}
		first.Close()
	})
}
