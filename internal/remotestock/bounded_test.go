package remotestock_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// recordAll is a ledger that takes all of the stream.
func recordAll(t testing.TB, s *remotestock.Store, id sale.ID) {
	t.Helper()
	ctx := context.Background()
	for {
		p, err := s.Page(ctx, id, "", 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Events) == 0 {
			return
		}
		var entries []string
		for _, e := range p.Events {
			entries = append(entries, e.ID)
		}
		committed := sale.Chain{Life: p.Chain.Life, Mark: p.Events[len(p.Events)-1].Mark}
		if err := s.Forget(ctx, id, committed, entries); err != nil {
			t.Fatal(err)
		}
	}
}

// memory is what the keys of a sale take, in bytes, and how many elements each has.
func memory(t testing.TB, client redis.UniversalClient, id sale.ID) (total int64, sizes map[string]int64) {
	t.Helper()
	ctx, k := context.Background(), remotestock.Keys(id)
	for _, key := range k {
		n, err := client.MemoryUsage(ctx, key, 0).Result()
		if err != nil && err != redis.Nil {
			t.Fatal(err)
		}
		total += n
	}
	return total, map[string]int64{
		"buyers": client.HLen(ctx, k[2]).Val(), "orders": client.HLen(ctx, k[3]).Val(), "deadlines": client.ZCard(ctx, k[4]).Val(),
		"events": client.XLen(ctx, k[5]).Val(), "past": client.HLen(ctx, k[8]).Val(), "surplus": client.LLen(ctx, k[9]).Val(), "tap": client.XLen(ctx, k[10]).Val(),
	}
}

// TestOneBuyerWhoHoldsAndCancelsIsBounded: three thousand orders stayed for ever.
func TestOneBuyerWhoHoldsAndCancelsIsBounded(t *testing.T) {
	const rounds, unread = 3000, 100
	t.Cleanup(remotestock.SettleAtOnce())
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1", func(c *remotestock.Config) { c.Ledger = true })
	open(t, s, newSale("bounded", 10))
	recordAll(t, s, "bounded")
	c := committer(t, s, "bounded")
	for n := range rounds {
		mine := claim("ann", 1)
		if got, err := c.Decide(mine); err != nil || got.Outcome != sale.Held {
			t.Fatalf("got %v, %v, want held", got.Outcome, err)
		}
		if _, _, err := s.Cancel(ctx, "bounded", 0, mine.Order, "ann"); err != nil {
			t.Fatal(err)
		}
		if n%50 == 0 {
			if _, sizes := memory(t, client, "bounded"); sizes["orders"] > 3+unread+16 || sizes["surplus"] > unread+16 {
				t.Fatalf("round %d: got %v, want no more than the ledger has not read", n, sizes)
			}
		}
		if n == unread-1 {
			if _, sizes := memory(t, client, "bounded"); sizes["orders"] != unread {
				t.Errorf("got %d orders before the ledger has any, want all %d", sizes["orders"], unread)
			}
		}
		if n%unread == unread-1 {
			recordAll(t, s, "bounded")
		}
	}
	recordAll(t, s, "bounded")
	for range 3 {
		if _, _, _, err := s.Expire(ctx, "bounded", 0, 10); err != nil {
			t.Fatal(err)
		}
	}
	total, sizes := memory(t, client, "bounded")
	for name, want := range map[string]int64{"buyers": 0, "orders": 3, "deadlines": 0, "events": 0, "past": 1, "surplus": 0, "tap": 0} {
		if sizes[name] != want {
			t.Errorf("got %d in %s, want %d", sizes[name], name, want)
		}
	}
	// The links alone take 4,096 × 12 bytes; 600 KiB it was.
	if total > 120<<10 {
		t.Errorf("got %d bytes, want at most 120 KiB", total)
	}
	wantClean(t, s, "bounded")
}

// TestAnEndedOrderStaysUntilItsClaimIsLate: it is what keeps a claim that is sent again
// from selling again. Once the order is removed, the claim is late.
func TestAnEndedOrderStaysUntilItsClaimIsLate(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("settled", 10))
	c := committer(t, s, "settled")
	var claims []sale.Claim
	holdAndCancel := func(n int) {
		for range n {
			mine := claim("ann", 1)
			if _, err := c.Decide(mine); err != nil {
				t.Fatal(err)
			}
			if _, _, err := s.Cancel(ctx, "settled", 0, mine.Order, "ann"); err != nil {
				t.Fatal(err)
			}
			claims = append(claims, mine)
		}
	}
	holdAndCancel(8)
	if _, _, _, err := s.Expire(ctx, "settled", 0, 10); err != nil {
		t.Fatal(err)
	}
	for i, mine := range claims {
		got, err := c.Decide(mine)
		if err != nil || got.Outcome != sale.Replayed || got.Order.State != sale.StateCancelled {
			t.Errorf("order %d: got %v of a %s order, %v, want its own, cancelled", i, got.Outcome, got.Order.State, err)
		}
	}
	// The same orders eleven seconds older: neither Redis's clock nor a test waits.
	keys, old := remotestock.Keys("settled"), redisTime(t, client)-11_000
	for _, mine := range claims {
		id := remotestock.EncodeID(mine.Order)
		value := []byte(client.HGet(ctx, keys[3], id).Val())
		for i := range 6 {
			value[1+3+i] = byte(old >> (8 * (5 - i)))
		}
		client.HSet(ctx, keys[3], id, value)
	}
	if _, _, _, err := s.Expire(ctx, "settled", 0, 10); err != nil {
		t.Fatal(err)
	}
	for i, mine := range claims {
		mine.Deadline = sale.Instant(old + 10_000) // the latest that a claim of then had
		got, err := c.Decide(mine)
		want := sale.Late
		if i >= len(claims)-3 {
			want = sale.Replayed
		}
		if err != nil || got.Outcome != want {
			t.Errorf("order %d, eleven seconds later: got %v, %v, want %v", i, got.Outcome, err, want)
		}
	}
	if n := client.HLen(ctx, keys[3]).Val(); n != 3 {
		t.Errorf("got %d orders, want the last 3 of the buyer", n)
	}
}

// TestASweepRemovesDeadDeadlines: holds of one call share an entry, which stays while one
// of them is held; what is cancelled or paid must not fill Redis until then.
func TestASweepRemovesDeadDeadlines(t *testing.T) {
	const batches, size, kept = 20, 128, 600
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	open(t, s, newSale("sweep", batches*size))
	var claims []sale.Claim
	for n := range batches {
		batch := make([]sale.Claim, size)
		for i := range batch {
			batch[i] = claim(fmt.Sprint("buyer-", n*size+i), 1)
		}
		if _, err := committer(t, s, "sweep").DecideBatch(batch); err != nil {
			t.Fatal(err)
		}
		claims = append(claims, batch...)
		time.Sleep(2 * time.Millisecond) // or two share a deadline, and one may wait for the next sweep
	}
	before := wantClean(t, s, "sweep")
	for i, c := range claims[:len(claims)-kept] {
		var err error
		if i%4 == 0 {
			_, _, err = s.Pay(ctx, "sweep", 0, payment(fmt.Sprint("p", i), c.Order, 4200))
		} else {
			_, _, err = s.Cancel(ctx, "sweep", 0, c.Order, c.Buyer)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	key := remotestock.Keys("sweep")[4]
	ids := func() (n int) {
		for _, entry := range client.ZRange(ctx, key, 0, -1).Val() {
			n += len(entry) / 16
		}
		return n
	}
	if got := ids(); got != batches*size {
		t.Fatalf("got %d ids before the sweep, want all %d", got, batches*size)
	}
	for range batches { // eight entries a call
		if ended, more, _, err := s.Expire(ctx, "sweep", 0, 100); err != nil || ended != 0 || more {
			t.Fatalf("got %d ended, more %v, %v, want none", ended, more, err)
		}
	}
	// Up to 1,024 dead ones, and as many as are held, may wait for the next sweep.
	if got := ids(); got != kept {
		t.Errorf("got %d ids after the sweep, want the %d holds", got, kept)
	}
	if dead := client.HGet(ctx, remotestock.Keys("sweep")[0], "dead").Val(); dead != "0" {
		t.Errorf("got %s dead ids counted, want none", dead)
	}
	after := wantClean(t, s, "sweep")
	for id, o := range after.Orders {
		if o.State == sale.StateHeld && after.Deadlines[id] != before.Deadlines[id] {
			t.Errorf("order %s: got the deadline %d, want %d still", id, after.Deadlines[id], before.Deadlines[id])
		}
	}
}

// TestDeadDeadlinesThatPassAreCountedOff: a call that found dead ids alone did not count
// them off, and the next sweep came too early.
func TestDeadDeadlinesThatPassAreCountedOff(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("dead", 10))
	c := held(t, s, "dead", 3)
	for _, each := range c {
		if _, _, err := s.Cancel(ctx, "dead", 0, each.Order, each.Buyer); err != nil {
			t.Fatal(err)
		}
	}
	keys := remotestock.Keys("dead")
	entry := client.ZRange(ctx, keys[4], 0, -1).Val()[0]
	client.ZAdd(ctx, keys[4], redis.Z{Score: 1, Member: entry})
	if dead := client.HGet(ctx, keys[0], "dead").Val(); dead != "3" {
		t.Fatalf("got %s dead ids counted, want 3", dead)
	}
	if ended, _, _, err := s.Expire(ctx, "dead", 0, 10); err != nil || ended != 0 {
		t.Fatalf("got %d ended, %v, want none", ended, err)
	}
	if dead := client.HGet(ctx, keys[0], "dead").Val(); dead != "0" || client.ZCard(ctx, keys[4]).Val() != 0 {
		t.Errorf("got %s dead ids counted, want none", dead)
	}
}
