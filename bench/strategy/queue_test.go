package strategy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// hall is a Redis of its own with a sale, where a test plays sellers and buyers step by step.
type hall struct {
	t     *testing.T
	store *store
	name  string
	redis *process.Redis
}

func newHall(t *testing.T, total int64) hall {
	t.Helper()
	server, err := process.StartRedis(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Kill() })
	s, err := newStore(t.Context(), DefaultConfig(server.Addr(), ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := hall{t, s, newName(), server}
	if err := s.Open(t.Context(), h.name, total); err != nil {
		t.Fatal(err)
	}
	return h
}

// ask queues requests of the buyers, each for the order of its number.
func (h hall) ask(buyers ...string) {
	h.t.Helper()
	for i, buyer := range buyers {
		err := h.store.client.XAdd(h.t.Context(), &redis.XAddArgs{Stream: requests, Values: []any{
			"to", "nobody", "order", fmt.Sprint(buyer, "-", i), "sale", h.name, "buyer", buyer}}).Err()
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// begin is a seller's term, which has the lease.
func (h hall) begin() *term {
	h.t.Helper()
	c := DefaultConfig(h.redis.Addr(), "")
	t, err := newSeller(h.store, c).begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { t.conn.Close() })
	return t
}

// usurp ends the lease, as if the seller had been away for longer than that.
func (h hall) usurp() *term {
	h.t.Helper()
	if err := h.store.client.Del(h.t.Context(), leaseKey).Err(); err != nil {
		h.t.Fatal(err)
	}
	return h.begin()
}

// read is what the term reads next.
func (h hall) read(t *term, want int) []redis.XMessage {
	h.t.Helper()
	entries, err := t.next(h.t.Context())
	if err != nil || len(entries) != want {
		h.t.Fatalf("got %d requests, %v, want %d", len(entries), err, want)
	}
	return entries
}

// want is how the books are: who has orders, sorted, and what is left. Nothing is queued.
func (h hall) want(remaining int64, buyers ...string) {
	h.t.Helper()
	orders, faults := audit(h.t, h.store, h.name, remaining+int64(len(buyers)), nil)
	var got []string
	for _, o := range orders {
		got = append(got, o.Buyer)
	}
	slices.Sort(got)
	if !slices.Equal(got, buyers) || faults != nil {
		h.t.Errorf("got orders of %q and the faults %q, want %q and none", got, faults, buyers)
	}
	pending, err := h.store.client.XPending(h.t.Context(), requests, sellers).Result()
	if err != nil || pending.Count != 0 {
		h.t.Errorf("got %+v, %v, want no request pending", pending, err)
	}
	if n, err := h.store.client.XLen(h.t.Context(), requests).Result(); n != 0 || err != nil {
		h.t.Errorf("got %d requests, %v, want none", n, err)
	}
}

func TestSellersThatFollowOneAnother(t *testing.T) {
	t.Run("what a dead seller had read is decided by the next, once", func(t *testing.T) {
		h := newHall(t, 2)
		dead := h.begin()
		h.ask("a", "b", "c", "a")
		entries := h.read(dead, 4)
		if _, err := dead.decide(t.Context(), entries); err != nil { // and then it died
			t.Fatal(err)
		}
		next := h.usurp()
		if err := next.sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		h.want(0, "a", "b")
	})
	t.Run("what it had committed is not decided again", func(t *testing.T) {
		h := newHall(t, 3)
		dead := h.begin()
		h.ask("a", "b")
		if err := dead.settle(t.Context(), h.read(dead, 2)); err != nil {
			t.Fatal(err)
		}
		next := h.usurp()
		h.ask("b", "c")
		if err := next.sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := next.settle(t.Context(), h.read(next, 2)); err != nil {
			t.Fatal(err)
		}
		h.want(0, "a", "b", "c")
	})
	t.Run("one that was away commits nothing", func(t *testing.T) {
		h := newHall(t, 1)
		away := h.begin()
		if _, err := away.open(t.Context(), h.name); err != nil { // a book that is old by the time it is used
			t.Fatal(err)
		}
		h.ask("a", "b")
		entries := h.read(away, 2)
		next := h.usurp()
		if err := next.sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := away.settle(t.Context(), entries); !errors.Is(err, redis.TxFailedErr) {
			t.Errorf("got %v, want %v", err, redis.TxFailedErr)
		}
		h.want(0, "a")
	})
	t.Run("what one that was away has read is swept", func(t *testing.T) {
		h := newHall(t, 1)
		away := h.begin()
		next := h.usurp()
		h.ask("a")
		if _, err := away.next(t.Context()); !errors.Is(err, errNotSeller) {
			t.Errorf("got %v, want %v", err, errNotSeller)
		}
		if entries := h.read(next, 0); entries != nil {
			t.Errorf("got %v: the request is the other's", entries)
		}
		if err := next.sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		h.want(0, "a")
	})
	t.Run("Redis is killed and restarted within a turn", func(t *testing.T) {
		h := newHall(t, 2)
		one := h.begin()
		h.ask("a", "b", "c")
		entries := h.read(one, 3)
		if err := h.redis.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := one.settle(t.Context(), entries); err == nil {
			t.Error("got no error")
		}
		if err := h.redis.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		// A new connection would not have the watch.
		if err := one.settle(t.Context(), entries); err == nil {
			t.Error("got no error from a connection that was broken")
		}
		if err := h.usurp().sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		h.want(0, "a", "b")
	})
	t.Run("a connection that breaks within a turn takes the turn with it", func(t *testing.T) {
		h := newHall(t, 2)
		one := h.begin()
		h.ask("a", "b")
		entries := h.read(one, 2)
		if err := h.store.client.ClientKillByFilter(t.Context(), "type", "normal", "skipme", "yes").Err(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := one.settle(t.Context(), entries); err == nil {
				t.Error("got no error from a connection that was broken")
			}
		}
		await.Until(t, "next term", func() bool { // the store's other connections were broken too
			return h.store.client.Del(t.Context(), leaseKey).Err() == nil
		})
		if err := h.begin().sweep(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		h.want(0, "a", "b")
	})
	t.Run("two are never sellers at a time", func(t *testing.T) {
		h := newHall(t, 1)
		h.begin()
		if _, err := newSeller(h.store, DefaultConfig(h.redis.Addr(), "")).begin(t.Context()); !errors.Is(err, errNotSeller) {
			t.Errorf("got %v, want %v", err, errNotSeller)
		}
	})
}

// The transaction and the lease are all that keeps two sellers apart: without the watch the
// audit finds what was sold twice.
func TestASellerThatDoesNotWatchOversells(t *testing.T) {
	h := newHall(t, 1)
	away := h.begin()
	if _, err := away.open(t.Context(), h.name); err != nil {
		t.Fatal(err)
	}
	h.ask("a")
	entries := h.read(away, 1)
	next := h.usurp()
	if err := next.sweep(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := away.conn.Process(t.Context(), redis.NewStatusCmd(t.Context(), "unwatch")); err != nil {
		t.Fatal(err)
	}
	if err := away.settle(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
	if _, faults := audit(t, h.store, h.name, 1, nil); !slices.Equal(faults, []string{"duplicate", "oversold"}) {
		t.Errorf("got the faults %q, want a duplicate and an oversale", faults)
	}
}

// A seller that is closed hands over, and one that is killed is followed within the lease's time.
func TestAnotherProcessGoesOnSelling(t *testing.T) {
	for what, end := range map[string]func(q queue){
		"closed": func(q queue) { q.seller.stop() },
		"killed": func(q queue) { // its lease stays
			q.seller.stop()
			q.client.Set(context.Background(), leaseKey, "the killed one's", leaseTime)
		},
	} {
		t.Run(what, func(t *testing.T) {
			h := newHall(t, 50)
			c := config()
			c.Redis = h.redis.Addr()
			first, second := start(t, "redis-streams", c), start(t, "redis-streams", c)
			wantBuy(t, first, h.name, "early", Sold)
			done := make(chan []attempt, 1)
			go func() { done <- buyTwice(t.Context(), 100, of(second, h.name)) }()
			end(first.(queue))
			answers := <-done
			if orders, faults := audit(t, second, h.name, 50, answers); len(orders) != 50 || faults != nil {
				t.Errorf("got %d orders and the faults %q, want 50 and none", len(orders), faults)
			}
		})
	}
}

func TestReplies(t *testing.T) {
	t.Run("a broken subscription leaves nobody waiting, and is renewed", func(t *testing.T) {
		client := server(t)
		r, err := newReplies(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		defer r.close()
		answer, err := r.expect("request")
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ClientKillByFilter(t.Context(), "type", "pubsub").Err(); err != nil {
			t.Fatal(err)
		}
		if d := <-answer; !errors.Is(d.err, sale.ErrUnknown) {
			t.Errorf("got %+v, want %v", d, sale.ErrUnknown)
		}
		var again <-chan decision
		await.Until(t, "subscription", func() bool {
			again, err = r.expect("again")
			if err != nil && !errors.Is(err, sale.ErrUnavailable) {
				t.Fatal(err)
			}
			return err == nil
		})
		for _, line := range []string{"request sold stale\n", "again replayed order\n"} {
			if err := client.Publish(t.Context(), r.channel, line).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if d := <-again; d != (decision{outcome: Replayed, order: "order"}) {
			t.Errorf("got %+v, want the order again", d)
		}
	})
	t.Run("decisions arrive as they are", func(t *testing.T) {
		for _, want := range []decision{{outcome: Sold, order: "order"}, {outcome: Replayed, order: "other"}, {outcome: SoldOut}} {
			if id, got := decisionOf(want.text("id")); id != "id" || got != want {
				t.Errorf("got %q, %+v, want %+v", id, got, want)
			}
		}
		if _, got := decisionOf(decision{err: sale.ErrNoSale}.text("id")); !errors.Is(got.err, sale.ErrNoSale) {
			t.Errorf("got %+v, want %v", got, sale.ErrNoSale)
		}
		if _, got := decisionOf("id nonsense \n"); !errors.Is(got.err, sale.ErrUnknown) {
			t.Errorf("got %+v, want %v", got, sale.ErrUnknown)
		}
	})
	t.Run("an answer that does not come is unknown after the call's time", func(t *testing.T) {
		h := newHall(t, 1)
		h.begin() // and sells nothing
		c := DefaultConfig(h.redis.Addr(), "")
		c.Call = 200 * time.Millisecond
		s := start(t, "redis-streams", c)
		if o, order, err := s.Buy(t.Context(), h.name, "buyer"); o != NoOutcome || order != "" || !errors.Is(err, sale.ErrUnknown) {
			t.Errorf("got %v, %q, %v, want %v", o, order, err, sale.ErrUnknown)
		}
	})
}
