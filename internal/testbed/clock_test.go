package testbed_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// The clock of the Redis host was set by an hour: all holds expired, every payment was refused
// as webhook-expired and every token as expired.
func TestASiteSellsThoughRedisClockWasSet(t *testing.T) {
	t.Parallel()
	s := &lossy{site: start(t, testbed.Options{Nodes: 2, Allocators: 1, Ledgers: 1, RedisClock: true})}
	const step = "onsale_remotestock_clock_step_seconds"
	s.openSale(t, "demo", 100)
	members := map[string]*testbed.Member{"n001": s.Nodes[0], "n002": s.Nodes[1], "a01": s.Allocators[0], "l01": s.Ledgers[0]}
	orders := s.sell(t, "demo", "before", 4)
	for name, c := range map[string]struct {
		set    time.Duration
		before string // a buyer of before who pays now
	}{"forward": {time.Hour, "before0"}, "back": {-time.Hour, "before1"}} {
		if err := s.Redis.Clock.Set(c.set); err != nil {
			t.Fatal(err)
		}
		s.payFor(t, "demo", orders[c.before], 4200)
		bought := s.sell(t, "demo", name, 3)
		s.payFor(t, "demo", bought[name+"0"], 4200)
		maps.Copy(orders, bought)
		for member, m := range members {
			await.Within(t, 30*time.Second, member+" reports the step", func() bool {
				off := time.Duration(gauge(m, step)*float64(time.Second)) - c.set
				return off.Abs() < 10*time.Minute
			})
		}
		await.Within(t, 20*time.Second, "an allocator leads", func() bool { return gauge(s.Allocators[0], "onsale_rebalance_leading") == 1 })
		for name, n := range members {
			await.Within(t, 20*time.Second, name+" is ready", func() bool { return readyz(n) == http.StatusOK })
		}
		if err := s.Redis.Clock.Set(0); err != nil {
			t.Fatal(err)
		}
		for member, m := range members {
			await.Within(t, 30*time.Second, member+" reports that the clock is back", func() bool {
				return gauge(m, step) == 0
			})
		}
	}
	for buyer, order := range orders {
		if got := s.ask(t, http.MethodGet, "/v1/sales/demo/orders/mine", buyer, ""); got.status != http.StatusOK || got.order != order {
			t.Errorf("%s: got %+v, want the order %s", buyer, got, order)
		}
	}
	if found := s.wantAll(t, "demo", orders); found.Counters.Paid != 4 || found.Counters.Held != 6 {
		t.Errorf("got %+v, want four paid and six held", found.Counters)
	}
}
