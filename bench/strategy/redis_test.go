package strategy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
	"onsale/internal/testbed/process"
)

// inRedis runs the test for each strategy in Redis.
func inRedis(t *testing.T, test func(t *testing.T, e Entry)) {
	for _, e := range All {
		if e.Stores.Redis {
			t.Run(e.Name, func(t *testing.T) { test(t, e) })
		}
	}
}

func TestARedisThatLosesWritesIsRefused(t *testing.T) {
	for setting, args := range map[string][]string{
		`appendfsync is "everysec", want "always"`: {"--appendfsync", "everysec"},
		`appendonly is "no", want "yes"`:           {"--appendonly", "no"},
	} {
		server, err := process.StartRedis(t.Context(), t.TempDir(), args...)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Kill()
		inRedis(t, func(t *testing.T, e Entry) {
			s, err := e.Make(t.Context(), DefaultConfig(server.Addr(), ""))
			if s != nil || err == nil || !strings.Contains(err.Error(), setting) {
				t.Errorf("got %v, %v, want nil and that %s", s, err, setting)
			}
		})
	}
}

func TestOrdersOfSeveralPages(t *testing.T) {
	s, name := opened(t, "redis-lua", 1)
	st := s.(script)
	_, _, stream := keys(name)
	const total = 2*page + 1
	p := st.client.Pipeline()
	for i := range total {
		p.Do(t.Context(), "XADD", stream, "*", "order", fmt.Sprint("order-", i), "buyer", fmt.Sprint("buyer-", i))
	}
	if _, err := p.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	orders, err := s.Orders(t.Context(), name)
	if err != nil || len(orders) != total {
		t.Fatalf("got %d orders, %v, want %d", len(orders), err, total)
	}
	for i, o := range orders {
		if o.ID != fmt.Sprint("order-", i) || o.Buyer != fmt.Sprint("buyer-", i) {
			t.Fatalf("order %d: got %+v", i, o)
		}
	}
	if err := st.client.Do(t.Context(), "XADD", stream, "*", "something", "else").Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Orders(t.Context(), name); err == nil {
		t.Errorf("got %d orders, want an error for an entry that is none", len(got))
	}
}

// A script that Redis has forgotten, as after a restart, is sent again.
func TestForgottenScriptIsSentAgain(t *testing.T) {
	for _, strategy := range []string{"redis-lua", "redis-lua-pipelined"} {
		t.Run(strategy, func(t *testing.T) {
			s, name := opened(t, strategy, 2)
			wantBuy(t, s, name, "first", Sold)
			if err := server(t).ScriptFlush(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			wantBuy(t, s, name, "second", Sold)
			wantRemaining(t, s, name, 0)
		})
	}
}

// server is a client of the Redis of all tests.
func server(t *testing.T) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: redisServer.Addr(), MaxRetries: -1})
	t.Cleanup(func() { c.Close() })
	return c
}

// A script that fails is not rolled back, so it must not have begun to write.
func TestScriptThatFailsHasWrittenNothing(t *testing.T) {
	s, name := opened(t, "redis-lua", 2)
	_, _, stream := keys(name)
	client := s.(script).client
	if err := client.Set(t.Context(), stream, "no stream", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if o, _, err := s.Buy(t.Context(), name, "buyer"); o != NoOutcome || !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v, %v, want %v", o, err, sale.ErrUnavailable)
	}
	wantRemaining(t, s, name, 2)
	if err := client.Del(t.Context(), stream).Err(); err != nil {
		t.Fatal(err)
	}
	wantBuy(t, s, name, "buyer", Sold)
}

func TestCounter(t *testing.T) {
	t.Run("a slot without an order yet is busy, and never an order", func(t *testing.T) {
		s, name := opened(t, "redis-decr", 2)
		_, buyers, _ := keys(name)
		if err := s.(counter).client.HSet(t.Context(), buyers, "buyer", pending).Err(); err != nil {
			t.Fatal(err)
		}
		wantBuy(t, s, name, "buyer", Conflict)
		wantRemaining(t, s, name, 2)
	})
	t.Run("a buyer who is too late leaves nothing behind", func(t *testing.T) {
		s, name := opened(t, "redis-decr", 2)
		stock, buyers, _ := keys(name)
		c := s.(counter)
		// The look saw the last ticket, and then it went.
		late := counter{&store{interrupted{c.client, "hsetnx", func() { c.client.Set(context.Background(), stock, 0, 0) }, nil}}}
		wantBuy(t, late, name, "late", SoldOut)
		wantRemaining(t, s, name, 0)
		if n, err := c.client.HLen(t.Context(), buyers).Result(); n != 0 || err != nil {
			t.Errorf("got %d slots, %v, want none", n, err)
		}
	})
	t.Run("the buyer's other request that was faster counts", func(t *testing.T) {
		for slot, want := range map[string]Outcome{"an-order": Replayed, pending: Conflict} {
			s, name := opened(t, "redis-decr", 2)
			_, buyers, _ := keys(name)
			c := s.(counter)
			twin := counter{&store{interrupted{c.client, "hsetnx", func() { c.client.HSet(context.Background(), buyers, "buyer", slot) }, nil}}}
			wantBuy(t, twin, name, "buyer", want)
			wantRemaining(t, s, name, 2)
		}
	})
	t.Run("the buyer's other request that has just given up leaves the stock as it is", func(t *testing.T) {
		s, name := opened(t, "redis-decr", 2)
		_, buyers, _ := keys(name)
		c := s.(counter)
		twin := counter{&store{interrupted{c.client, "hsetnx",
			func() { c.client.HSet(context.Background(), buyers, "buyer", pending) },
			func() { c.client.HDel(context.Background(), buyers, "buyer") }}}}
		wantBuy(t, twin, name, "buyer", Conflict)
		wantRemaining(t, s, name, 2)
		wantBuy(t, s, name, "buyer", Sold)
	})
	t.Run("a lost record is unknown, and its ticket is not sold again", func(t *testing.T) {
		s, name := opened(t, "redis-decr", 1)
		_, _, stream := keys(name)
		c := s.(counter)
		if err := c.client.Set(t.Context(), stream, "no stream", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if o, order, err := c.Buy(t.Context(), name, "buyer"); o != NoOutcome || order != "" || !errors.Is(err, sale.ErrUnknown) {
			t.Errorf("got %v, %q, %v, want %v", o, order, err, sale.ErrUnknown)
		}
		wantRemaining(t, s, name, 0)
	})
}

func TestLocked(t *testing.T) {
	t.Run("a buyer who never gets the lock is answered busy", func(t *testing.T) {
		s, name := opened(t, "locked-call", 1)
		l := s.(locked)
		counts := <-l.counts
		limit, cancel := context.WithCancel(t.Context())
		cancel()
		if o, order, err := l.Buy(limit, name, "buyer"); o != Conflict || order != "" || err != nil {
			t.Errorf("got %v, %q, %v, want %v", o, order, err, Conflict)
		}
		l.counts <- counts
		wantBuy(t, s, name, "buyer", Sold)
	})
	t.Run("the lock is held across the call", func(t *testing.T) {
		s, name := opened(t, "locked-call", 1)
		l := s.(locked)
		held := false
		l.client = interrupted{l.client, "evalsha", func() { held = len(l.counts) == 0 }, nil}
		l.script = script{&store{l.client}}
		wantBuy(t, l, name, "buyer", Sold)
		if !held {
			t.Error("got the lock free during the call, want it held: that is the strategy")
		}
	})
	t.Run("Redis is not asked once the local count is at 0", func(t *testing.T) {
		s, name := opened(t, "locked-call", 1)
		wantBuy(t, s, name, "first", Sold)
		stock, _, _ := keys(name)
		if err := s.(locked).client.Set(t.Context(), stock, 5, 0).Err(); err != nil {
			t.Fatal(err)
		}
		wantBuy(t, s, name, "second", SoldOut)
	})
	t.Run("what another process sold is learnt from Redis, once", func(t *testing.T) {
		s, name := opened(t, "locked-call", 2)
		other := start(t, "locked-call", config())
		wantBuy(t, s, name, "first", Sold)
		wantBuy(t, other, name, "second", Sold)
		wantBuy(t, s, name, "third", SoldOut)
		counts := <-s.(locked).counts
		if counts[name] != 0 {
			t.Errorf("got a local count of %d, want 0", counts[name])
		}
		s.(locked).counts <- counts
	})
	t.Run("a replay takes nothing from the count", func(t *testing.T) {
		s, name := opened(t, "locked-call", 2)
		id := wantBuy(t, s, name, "first", Sold)
		if again := wantBuy(t, s, name, "first", Replayed); again != id {
			t.Errorf("got the order %q, want %q", again, id)
		}
		wantBuy(t, s, name, "second", Sold)
	})
}
