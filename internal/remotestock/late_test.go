package remotestock_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"onsale/internal/remotestock"
)

// A node with 16,000 requests to read came to Redis's replies after their deadlines, and took Redis for dead.
func TestAReplyThatHasComeIsReadAfterItsDeadline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := server.Write([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	c, b := remotestock.Late(client), make([]byte, 1)
	// Once the first byte is read, the second one has come.
	for _, want := range []string{"a", "b"} {
		if n, err := c.Read(b); n != 1 || err != nil || string(b) != want {
			t.Fatalf("got %q, %v, want %q", b[:n], err, want)
		}
		if err := c.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	var network net.Error
	if n, err := c.Read(b); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &network) || !network.Timeout() {
		t.Errorf("got %q, %v where nothing came, want a timeout", b[:n], err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("got it after %v, want it after a moment", took)
	}
}
