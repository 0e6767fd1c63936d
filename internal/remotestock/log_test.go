package remotestock_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

func TestTheClientLogsAtDebugLevel(t *testing.T) {
	core, logged := observer.New(zap.DebugLevel)
	remotestock.SetLog(zap.New(core))
	t.Cleanup(func() { remotestock.SetLog(zap.NewNop()) })

	// A port that nobody listens on any more makes the client talk.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, client := newStore(t, addr, "n1")
	if err := client.Ping(context.Background()).Err(); err == nil {
		t.Fatal("got an answer from a closed port, want an error")
	}

	named := 0
	for _, e := range logged.All() {
		if e.Level != zap.DebugLevel {
			t.Errorf("got level %v for %q, want debug", e.Level, e.Message)
		}
		if text, _ := e.ContextMap()["text"].(string); strings.Contains(text, addr) {
			named++
		}
	}
	if named == 0 {
		t.Errorf("got no line of the client that names %s, want its connection error", addr)
	}
}

// TestWrongShapeIsLoggedOnceUntilItIsRight: the claims of such a reply are sent
// again forty times a second, and each is answered as wrongly as the last.
func TestWrongShapeIsLoggedOnceUntilItIsRight(t *testing.T) {
	var calls atomic.Int64
	f := startFake(t, func(args []string) string {
		if calls.Add(1)%6 == 0 {
			return soldOut(args)
		}
		return "*1\r\n:1\r\n"
	})
	core, logged := observer.New(zap.InfoLevel)
	config := remotestock.DefaultConfig(f.addr())
	config.Patience = 20 * time.Second
	client, err := remotestock.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := remotestock.New(client, "n1", config, remotestock.Hooks{}, zap.New(core))
	c := committer(t, s, "s")

	const wrong, right = "reply of the wrong shape", "replies are of the right shape again"
	var want []string
	for range 2 {
		want = append(want, wrong, right)
		if got, err := c.Decide(claim("ann", 1)); err != nil || got.Outcome != sale.SoldOut {
			t.Fatalf("got %v, %v, want sold-out at the sixth call", got.Outcome, err)
		}
	}
	var got []string
	for _, e := range logged.All() {
		got = append(got, e.Message)
	}
	if !slices.Equal(got, want) || calls.Load() != 12 {
		t.Errorf("got %d calls and the lines %q, want 12 and %q", calls.Load(), got, want)
	}
}
