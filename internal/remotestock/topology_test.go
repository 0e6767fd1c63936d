package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"onsale/internal/keyspace"
	"onsale/internal/lease"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
)

// sell is one sale's life from opening to closing, on whatever Redis there is.
func sell(t *testing.T, s *remotestock.Store, client redis.UniversalClient, id sale.ID) {
	t.Helper()
	sellAt(t, s, client, "", id)
}

// sellAt is sell for a site with a prefix.
func sellAt(t *testing.T, s *remotestock.Store, client redis.UniversalClient, prefix keyspace.Prefix, id sale.ID) {
	t.Helper()
	ctx := context.Background()
	d := newSale(string(id), 20)
	open(t, s, d)
	ids, err := s.Sales(ctx)
	if err != nil || len(ids) == 0 {
		t.Fatalf("sales: got %v, %v, want the sale listed", ids, err)
	}
	survey, err := s.Survey(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.WritePlan(ctx, id, 1, survey.Reading.Stock, []sale.Share{{Node: "n1", Slice: 12, Buffer: 8}})
	if err != nil {
		t.Fatal(err)
	}
	c := s.Committer(id, planWatcher{plan}, remotestock.DefaultCommitConfig())
	defer c.Wait()
	sellOut(t, c, 20)

	mine, err := s.OrderOf(ctx, id, "buyer-0")
	if err != nil || mine.State != sale.StateHeld {
		t.Fatalf("order: got %+v, %v, want a hold", mine, err)
	}
	if o, _, err := s.Cancel(ctx, id, 0, mine.ID, "buyer-0"); err != nil || o.State != sale.StateCancelled {
		t.Errorf("cancel: got %+v, %v", o, err)
	}
	other, err := s.OrderOf(ctx, id, "buyer-1")
	if err != nil {
		t.Fatal(err)
	}
	makeOverdueAt(t, client, prefix.Sale(id).Deadlines, other.ID)
	if ended, more, r, err := s.Expire(ctx, id, plan, 10); err != nil || ended != 1 || more || r.Remaining != 2 {
		t.Errorf("expire: got %d ended, %v, remaining %d, %v, want 1 and 2", ended, more, r.Remaining, err)
	}
	if g, err := s.Refill(ctx, id, plan, 100, 1, 1, 1); err != nil || g.Tickets != 2 {
		t.Errorf("refill: got %+v, %v, want 2 tickets", g, err)
	}
	if total, err := s.Restock(ctx, id, 5, "more"); err != nil || total != 25 {
		t.Errorf("restock: got %d, %v, want 25", total, err)
	}
	if _, r, err := s.Read(ctx, id, 0); err != nil || r.Remaining != 7 || r.Allotment != (sale.Allotment{Generation: plan}) {
		t.Errorf("read: got %+v, %v, want 7 left and the allotment used up", r, err)
	}
	if err := s.SetClosed(ctx, id, true); err != nil {
		t.Error(err)
	}
	if got, err := c.Decide(claim("late", 1)); err != nil || got.Outcome != sale.Closed {
		t.Errorf("claim on a closed sale: got %v, %v", got.Outcome, err)
	}
	if _, held, err := lease.New(client, prefix, string(id), "me", time.Minute).Acquire(ctx); err != nil || !held {
		t.Errorf("lease: got %v, %v, want held", held, err)
	}
	if n, err := lease.NewRegistry(client, prefix, string(id)).Member("me", "here", time.Minute).Register(ctx); err != nil || n != 1 {
		t.Errorf("registry: got %d members, %v, want 1", n, err)
	}
	wantClean(t, s, id)
	if err := s.SetClosed(ctx, id, false); err != nil {
		t.Error(err)
	}
	pay(t, s, id)
	reconcile(t, s, id)
}

// pay is the life of a payment, and of money for nothing.
func pay(t *testing.T, s *remotestock.Store, id sale.ID) {
	t.Helper()
	ctx := context.Background()
	o := claim("payer", 1)
	if got, err := committer(t, s, id).Decide(o); err != nil || got.Outcome != sale.Held {
		t.Fatalf("claim: got %v, %v, want held", got.Outcome, err)
	}
	if r, _, err := s.Pay(ctx, id, 0, payment(string(id)+"-p1", o.Order, 4200)); err != nil || r.Payment.State != sale.PaymentApplied {
		t.Errorf("pay: got %+v, %v, want it applied", r, err)
	}
	if r, _, err := s.Pay(ctx, id, 0, payment(string(id)+"-p2", "nobody's", 4200)); err != nil || r.Payment.Reason != sale.ReasonOrphan {
		t.Errorf("pay: got %+v, %v, want an orphan", r, err)
	}
	if r, err := s.Refund(ctx, id, o.Order); err != nil || r.Order.State != sale.StateRefunded || r.Payment.State != sale.PaymentDue {
		t.Errorf("refund: got %+v, %v, want it refunded and due", r, err)
	}
	if p, err := s.Settle(ctx, id, sale.PaymentID(id)+"-p1"); err != nil || p.State != sale.PaymentSettled {
		t.Errorf("settle: got %+v, %v", p, err)
	}
	for state, want := range map[sale.PaymentState]int{sale.PaymentApplied: 0, sale.PaymentDue: 1, sale.PaymentSettled: 1} {
		if page, err := s.Payments(ctx, id, state, "", 10); err != nil || len(page.Payments) != want {
			t.Errorf("%s payments: got %+v, %v, want %d", state, page, err, want)
		}
	}
	if got, err := s.Order(ctx, id, o.Order); err != nil || got.State != sale.StateRefunded {
		t.Errorf("order: got %+v, %v, want it refunded", got, err)
	}
}

// reconcile checks the sale's chain as a ledger does, and takes the sale through a loss.
func reconcile(t *testing.T, s *remotestock.Store, id sale.ID) {
	t.Helper()
	ctx := context.Background()
	before := wantClean(t, s, id)
	at := sale.Mark{Epoch: 1, Link: before.Chain.Life}
	for _, e := range before.Stream {
		if at = at.Next(e.Covered); at != e.Mark || e.Fault != "" {
			t.Fatalf("event %s %q: got %+v, want %+v", e.ID, e.Fault, e.Mark, at)
		}
	}
	if at != before.Chain.Mark || s.Seen(id) != at {
		t.Errorf("got the mark %+v, and %+v seen, want %+v of the last event", before.Chain.Mark, s.Seen(id), at)
	}
	if err := s.Forget(ctx, id, before.Chain, []string{before.Stream[0].ID}); err != nil {
		t.Errorf("forget: %v", err)
	}
	if p, err := s.Page(ctx, id, "", 1); err != nil || p.Read != at.Seq || int(p.Waiting) != len(before.Stream)-1 {
		t.Errorf("page: got %+v, %v, want one entry less", p, err)
	}
	if err := s.Shut(ctx, id, "a test"); err != nil {
		t.Errorf("shut: %v", err)
	}
	if _, err := committer(t, s, id).Decide(claim("shut", 1)); !errors.Is(err, sale.ErrLost) {
		t.Errorf("claim: got %v, want ErrLost", err)
	}
	adoptNow(t, s, before, false)
	if got, err := committer(t, s, id).Decide(claim("again", 1)); err != nil || got.Outcome != sale.Held {
		t.Errorf("claim: got %v, %v, want held", got.Outcome, err)
	}
	after := wantClean(t, s, id)
	if after.Counters.Held != before.Counters.Held+1 || len(after.Orders) != len(before.Orders)+1 {
		t.Errorf("got %+v and %d orders, want one more than %+v and %d", after.Counters, len(after.Orders), before.Counters, len(before.Orders))
	}
}

// sellOut has 30 buyers race for the tickets, each of them one.
func sellOut(t *testing.T, c *remotestock.Committer, total int64) {
	t.Helper()
	for i := range 2 { // so that their orders are known by name
		if got, err := c.Decide(claim(fmt.Sprint("buyer-", i), 1)); err != nil || got.Outcome != sale.Held {
			t.Fatalf("got %v, %v, want held", got.Outcome, err)
		}
	}
	var held atomic.Int64
	var group sync.WaitGroup
	for i := range 30 {
		group.Go(func() {
			switch got, err := c.Decide(claim(fmt.Sprint("buyer-", i), 1)); {
			case err != nil:
				t.Error(err)
			case got.Outcome == sale.Held || got.Outcome == sale.Replayed:
				held.Add(1)
			case got.Outcome != sale.SoldOut:
				t.Errorf("got %v, want held, replayed or sold-out", got.Outcome)
			}
		})
	}
	group.Wait()
	if held.Load() != total {
		t.Errorf("got %d buyers with a ticket, want %d", held.Load(), total)
	}
}

// TestEmbeddedRedis: development mode runs the scripts on miniredis.
func TestEmbeddedRedis(t *testing.T) {
	mini := miniredis.RunT(t)
	s, client := newStore(t, mini.Addr(), "n1")
	sell(t, s, client, "embedded")
	t.Run("refuses as a real one does", func(t *testing.T) {
		if _, _, err := s.Read(context.Background(), "gone", 0); !errors.Is(err, sale.ErrNoSale) {
			t.Errorf("got %v, want ErrNoSale", err)
		}
		client.HSet(context.Background(), remotestock.Keys("embedded")[0], "remaining", "inf", "total", "inf")
		if _, _, err := s.Read(context.Background(), "embedded", 0); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("got %v, want ErrUnavailable", err)
		}
	})
}

func TestStandaloneRedis(t *testing.T) {
	s, client := newStore(t, server.Addr(), "n1")
	sell(t, s, client, "standalone")
}

func TestRedisCluster(t *testing.T) {
	c := startCluster(t)
	s, client := newStore(t, "", "n1", func(config *remotestock.Config) { config.Addrs, config.Cluster = c.Addrs(), true })
	sell(t, s, client, "cluster-a")
	sell(t, s, client, "cluster-b")

	// A prefix leaves a sale's keys in one slot.
	s, client = newStore(t, "", "n1", func(config *remotestock.Config) {
		config.Addrs, config.Cluster, config.Prefix = c.Addrs(), true, "shop"
	})
	sellAt(t, s, client, "shop", "cluster-a")
}

// startCluster starts a Redis Cluster that the test may torment.
func startCluster(t testing.TB) *process.RedisCluster {
	t.Helper()
	c, err := process.StartRedisCluster(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestSentinel(t *testing.T) {
	r, err := process.StartSentinels(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	s, client := newStore(t, "", "n1", func(c *remotestock.Config) { c.Addrs, c.Master = r.Addrs(), process.SentinelMaster }, patience(200*time.Millisecond))
	sell(t, s, client, "sentinel")

	// The master goes on selling without its Sentinels.
	for _, sentinel := range r.Sentinels {
		if err := sentinel.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	sell(t, s, client, "unwatched")
	if err := r.Servers[0].Kill(); err != nil {
		t.Fatal(err)
	}
	c := committer(t, s, "unwatched")
	await.Until(t, "nothing left to connect to", func() bool {
		_, err := c.Decide(claim("ann", 1))
		return errors.Is(err, sale.ErrUnavailable) && !errors.Is(err, sale.ErrUnknown)
	})
}
