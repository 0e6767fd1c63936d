package remotestock_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// A Redis in protected mode sends why it refuses and closes the connection before it has read
// anything: the log had "broken pipe" alone.
func TestAFailedConnectionReportsRedissError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("-DENIED Redis is running in protected mode\r\n"))
			c.Close()
		}
	}()
	s, _ := newStore(t, l.Addr().String(), "n1", func(c *remotestock.Config) { c.TripAfter = 1000 })
	for range 20 {
		if _, err := s.Sales(context.Background()); !errors.Is(err, sale.ErrUnavailable) || !strings.Contains(err.Error(), "DENIED") {
			t.Fatalf("got %v, want Redis's error in it", err)
		}
	}
}
