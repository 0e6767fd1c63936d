package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process/processtest"
)

// TestRefusalsBeforeTheFirstWrite: errors by which Redis proves that a script
// did not run. The ticket goes back, nothing was written, and once the cause is
// gone the sale sells on.
func TestRefusalsBeforeTheFirstWrite(t *testing.T) {
	ctx := context.Background()
	for _, test := range []struct {
		name, code  string
		begin, over []any
	}{
		{"memory is full", "memory is full", []any{"config", "set", "maxmemory", "1"}, []any{"config", "set", "maxmemory", "0"}},
		{"it became a replica", "READONLY", []any{"replicaof", "127.0.0.1", "1"}, []any{"replicaof", "no", "one"}},
		{"its replicas are gone", "NOREPLICAS", []any{"config", "set", "min-replicas-to-write", "1"}, []any{"config", "set", "min-replicas-to-write", "0"}},
		{"permission was taken", "NOPERM", []any{"acl", "setuser", "default", "-evalsha"}, []any{"acl", "setuser", "default", "+@all"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, client := newStore(t, processtest.Redis(t).Addr(), "n1", func(c *remotestock.Config) { c.TripAfter = 1000 })
			overdueSale(t, s, client, "s")
			c := committer(t, s, "s")
			before := dump(t, client)
			if err := client.Do(ctx, test.begin...).Err(); err != nil {
				t.Fatal(err)
			}
			got, err := c.Decide(claim("bob", 2))
			if !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) || !strings.Contains(err.Error(), test.code) {
				t.Errorf("got %v, %v, want ErrUnavailable for %s", got.Outcome, err, test.code)
			}
			wantUnchanged(t, client, before)
			if err := client.Do(ctx, test.over...).Err(); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Decide(claim("bob", 2)); err != nil || got.Outcome != sale.Held {
				t.Errorf("afterwards: got %v, %v, want held", got.Outcome, err)
			}
		})
	}
}

// TestFullMemoryNeverHalvesACancel: removing a deadline needs no memory and is
// allowed; all that follows must then be allowed too.
func TestFullMemoryNeverHalvesACancel(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	open(t, s, newSale("s", 10))
	mine := claim("ann", 2)
	if _, err := committer(t, s, "s").Decide(mine); err != nil {
		t.Fatal(err)
	}
	client.ConfigSet(ctx, "maxmemory", "1")
	o, _, err := s.Cancel(ctx, "s", 0, mine.Order, "ann")
	client.ConfigSet(ctx, "maxmemory", "0")
	audit := wantClean(t, s, "s")
	if got := audit.Orders[mine.Order].State; (err == nil) != (got == sale.StateCancelled) || err == nil && o.State != got {
		t.Errorf("got %v, %v, and %s in Redis, want them to agree", o.State, err, got)
	}
}

// TestLoadingRedisIsUnavailable: while Redis reads its disk it answers LOADING, and
// nothing is unknown.
func TestLoadingRedisIsUnavailable(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := processtest.Redis(t, "--key-load-delay", "500") // µs a command, from the next start on
	s, client := newStore(t, r.Addr(), "n1", func(c *remotestock.Config) {
		c.Call, c.Dial, c.TripAfter = 10*time.Second, 10*time.Second, 1_000_000
	})
	open(t, s, newSale("s", 10))
	pipe := client.Pipeline()
	for i := range 6000 {
		pipe.Set(ctx, fmt.Sprint("filler-", i), i, 0)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	started := make(chan error, 1)
	go func() { started <- r.Restart(ctx) }()
	c := committer(t, s, "s")
	loading := 0
	await.Until(t, "sells", func() bool {
		_, err := c.Decide(claim("ann", 1))
		if err != nil && (!errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown)) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
		if err != nil && strings.Contains(err.Error(), "LOADING") {
			loading++
		}
		return err == nil
	})
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	if loading == 0 {
		t.Error("got no LOADING at all, want the test to have met one")
	}
	wantClean(t, s, "s")
}

// TestScriptFlushIsUnnoticed: somebody empties the script cache all the time.
func TestScriptFlushIsUnnoticed(t *testing.T) {
	const buyers = 400
	ctx := context.Background()
	r := processtest.Redis(t)
	s, client := newStore(t, r.Addr(), "n1", patience(time.Minute))
	open(t, s, newSale("s", buyers))
	c := committer(t, s, "s")
	stop := make(chan struct{})
	var flushing, group sync.WaitGroup
	flushing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := client.ScriptFlush(ctx).Err(); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for i := range buyers {
		group.Go(func() {
			if got, err := c.Decide(claim(fmt.Sprint("buyer-", i), 1)); err != nil || got.Outcome != sale.Held {
				t.Errorf("got %v, %v, want held", got.Outcome, err)
			}
		})
	}
	group.Wait()
	close(stop)
	flushing.Wait()
	if audit := wantClean(t, s, "s"); audit.Sold() != buyers {
		t.Errorf("got %d sold, want %d", audit.Sold(), buyers)
	}
}

// TestOneBrokenRecordSpoilsNoOtherClaim: the claims of a batch are other
// buyers'; a record that can't be read is the business of its buyer alone.
func TestOneBrokenRecordSpoilsNoOtherClaim(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	const id16 = "0123456789abcdef"
	for i, garbage := range []string{"garbage", "", id16, id16 + "h", id16 + "x1234567890123", id16 + "h12345678901234"} {
		id := sale.ID(fmt.Sprint("broken-", i))
		open(t, s, newSale(string(id), 10))
		keys, own := remotestock.Keys(id), claim("eve", 1)
		client.HSet(ctx, keys[2], "ann", garbage)
		client.HSet(ctx, keys[3], remotestock.EncodeID(own.Order), "\x01"+garbage)
		c := committer(t, s, id, func(c *remotestock.CommitConfig) { c.Calls = 1 })
		if got, err := c.Decide(claim("ann", 1)); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("%q: got %v, %v, want ErrUnavailable for its buyer", garbage, got.Outcome, err)
		}
		if got, err := c.Decide(own); !errors.Is(err, sale.ErrUnknown) || errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("%q: got %v, %v, want ErrUnknown: the order id is there", garbage, got.Outcome, err)
		}
		// One flight: anyone who comes while the first claim travels shares a batch.
		answers := map[string]<-chan decided{}
		for _, buyer := range []string{"bob", "ann", "cid", "dee"} {
			answers[buyer] = decide(c, claim(buyer, 1))
		}
		for buyer, a := range answers {
			if got := <-a; buyer != "ann" && (got.err != nil || got.decision.Outcome != sale.Held) {
				t.Errorf("%q: got %v, %v, want %s's claim held", garbage, got.decision.Outcome, got.err, buyer)
			}
		}
	}
	t.Run("an order whose buyer has another", func(t *testing.T) {
		open(t, s, newSale("broken-entry", 10))
		mine := claim("ann", 1)
		client.HSet(ctx, remotestock.Keys("broken-entry")[3], remotestock.EncodeID(mine.Order), "ann")
		if got, err := committer(t, s, "broken-entry").Decide(mine); !errors.Is(err, sale.ErrUnknown) {
			t.Errorf("got %v, %v, want ErrUnknown", got.Outcome, err)
		}
		if _, err := s.Order(ctx, "broken-entry", mine.Order); !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrNoOrder) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	})
}

// TestGenerationsRiseAfterDataLoss: nodes that lived through the loss must
// believe what comes after it.
func TestGenerationsRiseAfterDataLoss(t *testing.T) {
	ctx := context.Background()
	r := processtest.Redis(t)
	s, client := newStore(t, r.Addr(), "n1")
	life := func() (stock, plan sale.Generation) {
		open(t, s, newSale("s", 10))
		mine := claim("ann", 1)
		if _, err := committer(t, s, "s").Decide(mine); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Cancel(ctx, "s", 0, mine.Order, "ann"); err != nil {
			t.Fatal(err)
		}
		survey, err := s.Survey(ctx, "s")
		if err != nil {
			t.Fatal(err)
		}
		plan, err = s.WritePlan(ctx, "s", 1, survey.Reading.Stock, []sale.Share{{Node: "n1", Slice: 1}})
		if err != nil {
			t.Fatal(err)
		}
		return survey.Reading.Stock, plan
	}
	stock, plan := life()
	client.FlushAll(ctx)
	before := redisTime(t, client)
	await.Until(t, "the clock has moved on", func() bool { return redisTime(t, client) > before })
	s, _ = newStore(t, r.Addr(), "n1") // the first one has seen more, and shuts the sale
	stock2, plan2 := life()
	if stock2 <= stock || plan2 <= plan {
		t.Errorf("got generations %d and %d, want them above %d and %d", stock2, plan2, stock, plan)
	}
}

// TestGenerationsRiseThoughTheClockStandsStill: two changes in one millisecond
// are two generations, also where the clock is behind the last one.
func TestGenerationsRiseThoughTheClockStandsStill(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("clock", 10))
	far := redisTime(t, client) + 1_000_000_000
	client.HSet(ctx, remotestock.Keys("clock")[0], "stock", far, "plan", far)
	if _, err := s.Restock(ctx, "clock", 1, "k"); err != nil {
		t.Fatal(err)
	}
	survey, err := s.Survey(ctx, "clock")
	if err != nil {
		t.Fatal(err)
	}
	if survey.Reading.Stock != sale.Generation(far+1) {
		t.Errorf("got stock generation %d, want %d", survey.Reading.Stock, far+1)
	}
	plan, err := s.WritePlan(ctx, "clock", 1, survey.Reading.Stock, []sale.Share{{Node: "n1"}})
	if err != nil || plan != sale.Generation(far+1) {
		t.Errorf("got plan generation %d, %v, want %d", plan, err, far+1)
	}
}

func redisTime(t testing.TB, client redis.UniversalClient) int64 {
	t.Helper()
	now, err := client.Time(context.Background()).Result()
	if err != nil {
		t.Fatal(err)
	}
	return now.UnixMilli()
}
