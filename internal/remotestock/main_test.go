package remotestock_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process"
)

// server is one real redis-server for all tests of the package that leave it
// alive; each test sells under its own sale id.
var server *process.Redis

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	remotestock.SetLog(zap.NewNop()) // or go-redis reports every connection that a test breaks
	dir, err := os.MkdirTemp("", "onsale-remotestock-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if server, err = process.StartRedis(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Kill()
	return m.Run()
}

// newStore makes a store and the plain client beside it.
func newStore(t testing.TB, addr, node string, change ...func(*remotestock.Config)) (*remotestock.Store, redis.UniversalClient) {
	t.Helper()
	config := remotestock.DefaultConfig(addr)
	if addr == server.Addr() {
		config.Call = 10 * time.Second // nobody breaks this one: a slow disk is no verdict
	}
	for _, f := range change {
		f(&config)
	}
	client := dial(t, addr, config)
	return remotestock.New(client, node, config, remotestock.Hooks{}, zap.NewNop()), client
}

// dial makes a client for the test's time. The shared server is empty after each test: the
// next one may be any.
func dial(t testing.TB, addr string, config remotestock.Config) redis.UniversalClient {
	t.Helper()
	client, err := remotestock.Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if addr == server.Addr() {
			if err := client.FlushAll(context.Background()).Err(); err != nil {
				t.Error(err)
			}
		}
		client.Close()
	})
	return client
}

func newSale(id string, total int64) sale.Sale {
	return sale.Sale{
		ID: sale.ID(id), Title: "Concert", Kind: sale.Ticket, Price: 4200, Currency: "EUR",
		Total: total, Limit: 4, HoldFor: 10 * time.Minute,
	}
}

func open(t testing.TB, s *remotestock.Store, d sale.Sale) {
	t.Helper()
	if _, err := s.Open(context.Background(), d); err != nil {
		t.Fatal(err)
	}
}

// watcher records readings and knows no plan.
type watcher struct{ observe func(sale.Reading) }

func (w watcher) Generation() sale.Generation           { return 0 }
func (w watcher) Acknowledged(sale.Decision, sale.Mark) {}
func (w watcher) Observe(r sale.Reading) {
	if w.observe != nil {
		w.observe(r)
	}
}
