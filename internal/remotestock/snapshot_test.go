package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// filled is a sale of so many holds, some of which are paid.
func filled(t testing.TB, s *remotestock.Store, id sale.ID, orders, paid int) []sale.Claim {
	t.Helper()
	ctx := context.Background()
	open(t, s, newSale(string(id), int64(orders)*2))
	claims := held(t, s, id, orders)
	var group sync.WaitGroup
	const workers = 16
	for w := range workers {
		group.Go(func() {
			for i := w; i < paid; i += workers {
				if _, _, err := s.Pay(ctx, id, 0, payment(fmt.Sprint(id, "-p", i), claims[i].Order, 4200)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	return claims
}

// sellOn has claims, payments and cancels go on until the call that it returns.
func sellOn(t testing.TB, s *remotestock.Store, id sale.ID) (stop func() (calls int64)) {
	ctx := context.Background()
	c := committer(t, s, id)
	var calls atomic.Int64
	var group sync.WaitGroup
	done := make(chan struct{})
	for w := range 4 {
		group.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				mine := claim(fmt.Sprintf("other-%d-%d", w, n), 1)
				_, err := c.Decide(mine)
				var err2 error
				switch n % 3 {
				case 0:
					_, _, err2 = s.Pay(ctx, id, 0, payment(fmt.Sprintf("other-%d-%d", w, n), mine.Order, 4200))
				case 1:
					_, _, err2 = s.Cancel(ctx, id, 0, mine.Order, mine.Buyer)
				}
				if err := errors.Join(err, err2); err != nil {
					t.Error(err)
					return
				}
				calls.Add(1)
			}
		})
	}
	return func() int64 {
		close(done)
		group.Wait()
		return calls.Load()
	}
}

// TestNoCallOfASnapshotIsLong: one call read a sale of 100,000 orders, 20,000 of them
// paid, in half a second to three, and nobody bought meanwhile. It is read in pieces, and
// is one instant's all the same.
func TestNoCallOfASnapshotIsLong(t *testing.T) {
	const orders, paid = 100_000, 20_000
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1", func(c *remotestock.Config) { c.Call = 10 * time.Second })
	filled(t, s, "large", orders, paid)
	sizes := &replies{}
	client.AddHook(commandHook{func(string) {}, sizes.add})
	client.ConfigResetStat(ctx)
	stop := sellOn(t, s, "large")
	first, err := s.Snapshot(ctx, "large")
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Snapshot(ctx, "large")
	if sold := stop(); err != nil || sold == 0 || second.Chain.Seq <= first.Chain.Seq {
		t.Errorf("got %d calls meanwhile, from event %d to %d, %v, want some", sold, first.Chain.Seq, second.Chain.Seq, err)
	}
	for _, snapshot := range []sale.Snapshot{first, second} {
		snapshot.Stream = nil // without a ledger it has the last events alone
		if faults := faultsOf(snapshot); len(faults) > 0 {
			t.Errorf("got %d faults such as %q, want the books of one instant", len(faults), faults[0])
		}
		if len(snapshot.Orders) < orders || len(snapshot.Payments) < paid {
			t.Errorf("got %d orders and %d payments, want at least %d and %d", len(snapshot.Orders), len(snapshot.Payments), orders, paid)
		}
	}
	wantShortCalls(t, client, sizes)
}

// replies are those of a snapshot: what takes Redis long is long.
type replies struct {
	mu                     sync.Mutex
	calls, fields, longest int
}

func (r *replies) add(cmd redis.Cmder) {
	var fields, bytes int
	switch cmd := cmd.(type) {
	case *redis.ScanCmd:
		page, _ := cmd.Val()
		for _, text := range page {
			fields, bytes = fields+1, bytes+len(text)
		}
	case *redis.Cmd:
		fields, bytes = measure(cmd.Val())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	r.fields, r.longest = max(r.fields, fields), max(r.longest, bytes)
}

// measure is how many texts a reply has, and of how many bytes in all.
func measure(reply any) (fields, bytes int) {
	switch reply := reply.(type) {
	case string:
		return 1, len(reply)
	case []any:
		for _, each := range reply {
			f, b := measure(each)
			fields, bytes = fields+f, bytes+b
		}
	}
	return fields, bytes
}

// wantShortCalls fails the test where the calls of a snapshot are not pieces, or kept
// Redis for longer than 5 ms. On a busy machine Redis itself is kept waiting now and
// then, so that of its times the median counts.
func wantShortCalls(t testing.TB, client redis.UniversalClient, r *replies) {
	t.Helper()
	if r.calls < 2*300 || r.fields > 2*512+64 || r.longest > 1<<20 {
		t.Errorf("got %d calls of at most %d fields and %d bytes, want many of some thousand fields and a megabyte at most", r.calls, r.fields, r.longest)
	}
	found := 0
	for line := range strings.Lines(client.Info(context.Background(), "latencystats").Val()) {
		for _, name := range []string{"hscan", "zscan", "evalsha"} {
			var median float64
			rest, is := strings.CutPrefix(line, "latency_percentiles_usec_"+name+":p50=")
			if !is {
				continue
			}
			if _, err := fmt.Sscanf(rest, "%f", &median); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if found++; median > 5000 {
				t.Errorf("%s: got %.0f µs a call, want at most 5,000", name, median)
			}
		}
	}
	if found != 3 {
		t.Errorf("got the times of %d commands, want 3", found)
	}
}

// TestASnapshotThatMissesEventsIsNone: another reader ended the copy of the events, and a
// third began a new one; the first went on with events missing.
func TestASnapshotThatMissesEventsIsNone(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("missing", 5000))
	held(t, s, "missing", 1500)
	keys := remotestock.Keys("missing")
	pieces := 0
	p := spied(t, func(name string) {
		if name != "hscan" {
			return
		}
		if pieces++; pieces == 2 {
			// What a second and a third reader do, with an event in between.
			client.Del(ctx, keys[10])
			client.HSet(ctx, keys[0], "tap", "0")
			if _, err := committer(t, s, "missing").Decide(claim("between", 1)); err != nil {
				t.Error(err)
			}
			client.HSet(ctx, keys[0], "tap", redisTime(t, client)+60_000)
		}
	})
	_, err := p.Snapshot(ctx, "missing")
	if err == nil || pieces < 2 {
		t.Errorf("got %v after %d pieces, want it refused", err, pieces)
	}
	client.HSet(ctx, keys[0], "tap", "0")
	wantClean(t, s, "missing")
}

// spied makes a store whose commands are seen before they are sent.
func spied(t testing.TB, before func(name string)) *remotestock.Store {
	t.Helper()
	s, client := newStore(t, server.Addr(), "n1")
	client.AddHook(commandHook{before, func(redis.Cmder) {}})
	return s
}

type commandHook struct {
	before func(name string)
	after  func(redis.Cmder)
}

func (h commandHook) DialHook(next redis.DialHook) redis.DialHook { return next }
func (h commandHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.before(cmd.Name())
		defer h.after(cmd)
		return next(ctx, cmd)
	}
}
func (h commandHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// TestAnAbandonedSnapshotCostsNothingForLong: its copy of the events ends by itself, and
// goes with the next snapshot.
func TestAnAbandonedSnapshotCostsNothingForLong(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("abandoned", 10))
	keys := remotestock.Keys("abandoned")
	client.HSet(ctx, keys[0], "tap", redisTime(t, client)+60_000)
	held(t, s, "abandoned", 1)
	if n := client.XLen(ctx, keys[10]).Val(); n != 1 {
		t.Fatalf("got %d events copied, want 1", n)
	}
	client.HSet(ctx, keys[0], "tap", redisTime(t, client)) // that time has passed
	if _, err := s.Restock(ctx, "abandoned", 1, "k"); err != nil {
		t.Fatal(err)
	}
	if n := client.XLen(ctx, keys[10]).Val(); n != 1 {
		t.Errorf("got %d events copied, want no more", n)
	}
	wantClean(t, s, "abandoned")
	if n := client.Exists(ctx, keys[10]).Val(); n != 0 {
		t.Error("got the copy still there after another snapshot, want it gone")
	}
}
