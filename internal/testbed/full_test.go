package testbed_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// health is what a member's readiness probe answers.
func health(m *testbed.Member) (status int, text string) {
	r, err := prober.Get("http://" + m.Admin + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err.Error()
	}
	return r.StatusCode, string(raw)
}

// PostgreSQL was away until Redis reached maxmemory. Then no ledger got a lease, so that what
// frees memory never ran again; cancels and payments were refused, and nodes stayed ready.
func TestAFullRedisDrainsAndSellsAgain(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1, Ledgers: 1, RedisArgs: []string{"--maxmemory", "6mb"}})
	s.open(t, 1_000_000, time.Hour)
	n := s.Nodes[0]
	if err := s.Postgres.Stop(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	// What fills Redis is the stream that no ledger reads, and for speed a key beside it.
	client := s.dial(t)
	var orders []string
	for i := range 20 {
		got := s.buy(t, fmt.Sprint("early-", i))
		if got.status != http.StatusCreated {
			t.Fatalf("got %+v, want 201", got)
		}
		orders = append(orders, got.order)
	}
	fillers := 0
	await.Within(t, 20*time.Second, "a new hold is refused", func() bool {
		// Redis frees the buffers of idle connections, and has room again.
		for client.Set(s.ctx, fmt.Sprint("filler-", fillers), strings.Repeat("x", 20_000), 0).Err() == nil {
			fillers++
		}
		fillers++
		got := s.buy(t, fmt.Sprint("late-", fillers))
		return got.status == http.StatusServiceUnavailable && got.code == "store-unavailable"
	})
	await.Within(t, 20*time.Second, "the node is unready and reports why", func() bool {
		status, text := health(n)
		return status == http.StatusServiceUnavailable && strings.Contains(text, "memory is full")
	})
	if got := gauge(n, "onsale_remotestock_memory_full"); got != 1 {
		t.Errorf("got the gauge %v, want 1", got)
	}
	if got := s.ask(t, http.MethodDelete, "/v1/sales/demo/orders/"+orders[0], "early-0", ""); got.status != http.StatusOK {
		t.Errorf("cancel: got %+v, want 200", got)
	}
	s.pay(t, orders[1])
	if got := s.ask(t, http.MethodGet, "/v1/sales/demo/orders/mine", "early-2", ""); got.order != orders[2] {
		t.Errorf("mine: got %+v, want the order", got)
	}

	if err := s.Postgres.Restart(s.ctx); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 30*time.Second, "the ledger drains the stream though memory is full", func() bool {
		waiting, _, _, err := s.store.Backlog(s.ctx, "demo")
		return err == nil && waiting == 0
	})
	for i := range 30 {
		if err := client.Del(s.ctx, fmt.Sprint("filler-", i)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	await.Within(t, 20*time.Second, "it sells again", func() bool { return s.buy(t, "last").status == http.StatusCreated })
	await.Within(t, 20*time.Second, "the node is ready", func() bool { status, _ := health(n); return status == http.StatusOK })
	s.recorded(t)
}

// Settings are changed live, too.
func TestANodeDoesNotSellOnARedisThatEvicts(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1})
	s.open(t, 100, time.Minute)
	client := s.dial(t)
	for setting, values := range map[string][2]string{"appendfsync": {"everysec", "always"}, "maxmemory-policy": {"allkeys-lru", "noeviction"}} {
		if err := client.ConfigSet(s.ctx, setting, values[0]).Err(); err != nil {
			t.Fatal(err)
		}
		for _, m := range []*testbed.Member{s.Nodes[0], s.Allocators[0]} {
			await.Within(t, 20*time.Second, m.Name+" names "+setting, func() bool {
				status, text := health(m)
				return status == http.StatusServiceUnavailable && strings.Contains(text, setting+" "+values[0])
			})
			if got := gauge(m, `onsale_remotestock_unsafe_setting{setting="`+setting+`"}`); got != 1 {
				t.Errorf("%s: got the gauge %v for %s, want 1", m.Name, got, setting)
			}
		}
		if got := s.ask(t, http.MethodPost, "http://"+s.Nodes[0].Listen+"/v1/sales/demo/orders", setting, `{"quantity":1}`); (got.status != http.StatusCreated) != (setting == "maxmemory-policy") {
			t.Errorf("%s: got %+v", setting, got)
		}
		if err := client.ConfigSet(s.ctx, setting, values[1]).Err(); err != nil {
			t.Fatal(err)
		}
		await.Within(t, 20*time.Second, "the node is ready again", func() bool { status, _ := health(s.Nodes[0]); return status == http.StatusOK })
	}
	if got := s.buy(t, "ann"); got.status != http.StatusCreated {
		t.Errorf("got %+v, want 201", got)
	}
}

// dial is a plain client of the site's Redis.
func (s *site) dial(t *testing.T) redis.UniversalClient {
	t.Helper()
	client, err := remotestock.Dial(s.StoreConfig())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
