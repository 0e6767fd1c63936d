package strategy

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"onsale/internal/remotestock"
	"onsale/internal/testbed/process"
)

// The stores of all tests that leave them alive; each test sells under names of its
// own. PostgreSQL's default would lose acknowledged commits: the strategies must
// not leave it at that.
var (
	redisServer    *process.Redis
	postgresServer *process.Postgres
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	remotestock.SetLog(zap.NewNop()) // or go-redis reports every connection that a test breaks
	dir, err := os.MkdirTemp("", "onsale-strategy-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if redisServer, err = process.StartRedis(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer redisServer.Kill()
	if postgresServer, err = process.StartPostgres(context.Background(), dir, "synchronous_commit=off"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer postgresServer.Kill()
	code := m.Run()
	if err := postgresServer.Kill(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := redisServer.Kill(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	http.DefaultClient.CloseIdleConnections()
	// fasthttp starts its clock once and never stops it; the cleaner of a server
	// that was shut down notices after ten seconds.
	if err := goleak.Find(
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// serial makes names that no other test has.
var serial atomic.Int64

func newName() string { return fmt.Sprintf("sale-%d", serial.Add(1)) }

// config is that of the servers of all tests. Most don't break them, and a slow
// disk is no verdict.
func config() Config {
	c := DefaultConfig(redisServer.Addr(), postgresServer.URL())
	c.Call = slow
	return c
}

// slow is how long a busy machine may take for anything.
const slow = time.Minute

// start makes a strategy and closes it with the test.
func start(t *testing.T, name string, c Config) Strategy {
	t.Helper()
	entry, ok := Find(name)
	if !ok {
		t.Fatalf("there is no strategy %s", name)
	}
	s, err := entry.Make(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
	})
	return s
}

// opened is a strategy with so many tickets on sale.
func opened(t *testing.T, name string, total int64) (Strategy, string) {
	t.Helper()
	s, id := start(t, name, config()), newName()
	if err := s.Open(t.Context(), id, total); err != nil {
		t.Fatal(err)
	}
	return s, id
}

// wantBuy checks one purchase and returns its order.
func wantBuy(t *testing.T, s Strategy, name, buyer string, want Outcome) string {
	t.Helper()
	got, order, err := s.Buy(t.Context(), name, buyer)
	if got != want || err != nil {
		t.Errorf("%s: got %v, %v, want %v", buyer, got, err, want)
	}
	if has := order != ""; has != (want == Sold || want == Replayed) {
		t.Errorf("%s: got %v with the order %q", buyer, got, order)
	}
	return order
}

// wantRemaining checks what is left in the store.
func wantRemaining(t *testing.T, s Strategy, name string, want int64) {
	t.Helper()
	if got, err := s.Remaining(t.Context(), name); got != want || err != nil {
		t.Errorf("remaining: got %d, %v, want %d", got, err, want)
	}
}
