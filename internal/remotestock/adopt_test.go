package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// TestASaleSellsOnAfterItsLossIsReconciled: what the ledger had kept comes back, and
// every kind of call works on it.
func TestASaleSellsOnAfterItsLossIsReconciled(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("again", 20))
	if _, err := s.Restock(ctx, "again", 5, "k"); err != nil {
		t.Fatal(err)
	}
	earlier := copyKeys(t, client, "again")
	c := held(t, s, "again", 5)
	_, _, err := s.Pay(ctx, "again", 0, payment("p0", c[0].Order, 4200))
	_, _, err2 := s.Pay(ctx, "again", 0, payment("p1", c[1].Order, 4200))
	_, err3 := s.Refund(ctx, "again", c[1].Order)
	_, _, err4 := s.Cancel(ctx, "again", 0, c[2].Order, c[2].Buyer)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	whole := wantClean(t, s, "again")
	earlier.putBack(t, client, "again")
	if _, _, err := s.Read(ctx, "again", 0); !errors.Is(err, sale.ErrLost) {
		t.Fatalf("got %v, want ErrLost", err)
	}
	chain := adoptNow(t, s, whole, true)
	after := wantClean(t, s, "again")
	if diff := cmp.Diff(whole.Records, after.Records); diff != "" {
		t.Errorf("records (-before +after):\n%s", diff)
	}
	want := sale.Mark{Epoch: chain.Epoch, Seq: chain.Seq, Link: chain.Life}.Next("reconciled\nf1")
	if after.Chain != (sale.Chain{Life: whole.Chain.Life, Mark: want}) {
		t.Errorf("got the chain %+v, want %+v", after.Chain, want)
	}
	for _, key := range remotestock.Keys("again") {
		if ttl := client.PTTL(ctx, key).Val(); ttl > 0 {
			t.Errorf("got %s to expire in %v, want it to stay", key, ttl)
		}
	}
	t.Run("once the ledger has that", func(t *testing.T) {
		if got, err := committer(t, s, "again").Decide(claim("bob", 1)); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("got %v, %v, want ErrUnavailable", got.Outcome, err)
		}
		if err := s.Forget(ctx, "again", after.Chain, []string{after.Stream[0].ID}); err != nil {
			t.Fatal(err)
		}
		if got, err := committer(t, s, "again").Decide(claim("bob", 1)); err != nil || got.Outcome != sale.Held {
			t.Errorf("got %v, %v, want held", got.Outcome, err)
		}
	})
	t.Run("claims and payments of before get their first answers", func(t *testing.T) {
		for i, state := range []sale.State{sale.StatePaid, sale.StateRefunded, sale.StateCancelled, sale.StateHeld} {
			got, err := committer(t, s, "again").Decide(c[i])
			if err != nil || got.Outcome != sale.Replayed || got.Order.State != state {
				t.Errorf("got %v of a %s order, %v, want it replayed and %s", got.Outcome, got.Order.State, err, state)
			}
		}
		for i := range 2 {
			got, _, err := s.Pay(ctx, "again", 0, payment(fmt.Sprint("p", i), c[i].Order, 4200))
			if err != nil || !got.Replayed || got.Payment != whole.Payments[got.Payment.ID] {
				t.Errorf("got %+v, %v, want it replayed", got, err)
			}
		}
	})
	t.Run("and each can go on", func(t *testing.T) {
		_, _, err := s.Pay(ctx, "again", 0, payment("p3", c[3].Order, 4200))
		_, err2 := s.Refund(ctx, "again", c[0].Order)
		_, err3 := s.Settle(ctx, "again", "p1")
		total, err4 := s.Restock(ctx, "again", 5, "k")
		if err := errors.Join(err, err2, err3, err4); err != nil || total != 25 {
			t.Errorf("got total %d, %v, want 25 as before", total, err)
		}
		makeOverdue(t, client, "again", c[4].Order)
		if ended, _, _, err := s.Expire(ctx, "again", 0, 10); err != nil || ended != 1 {
			t.Errorf("got %d ended, %v, want 1", ended, err)
		}
		wantClean(t, s, "again")
	})
}

// TestAdoptReplacesOnlyWhatWasRead: the sale may go on, or be reconciled by another,
// while the records are compared.
func TestAdoptReplacesOnlyWhatWasRead(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	open(t, s, newSale("moved", 10))
	held(t, s, "moved", 2)
	read := wantClean(t, s, "moved")
	valid := sale.Adoption{
		Was: sale.ShutAt(read.Chain.Mark), Fence: "f", Records: read.Records,
		Chain: sale.Chain{Life: read.Chain.Life, Mark: sale.Mark{Epoch: 2, Seq: read.Chain.Seq}},
	}
	t.Run("a sale that is not shut", func(t *testing.T) {
		before := dump(t, client)
		if err := s.Adopt(ctx, "moved", valid); !errors.Is(err, sale.ErrStale) {
			t.Errorf("got %v, want ErrStale", err)
		}
		wantUnchanged(t, client, before)
	})
	if err := s.Shut(ctx, "moved", "a test"); err != nil {
		t.Fatal(err)
	}
	before := dump(t, client)
	oversold := read.Clone()
	oversold.Opened = 1
	twoOrders := read.Clone()
	for id, o := range twoOrders.Orders {
		o.Buyer = "ann"
		twoOrders.Orders[id] = o
	}
	for name, test := range map[string]struct {
		change func(*sale.Adoption)
		want   error
	}{
		"another event":           {func(a *sale.Adoption) { a.Was = "1 1 0123456789ab" }, sale.ErrStale},
		"nothing":                 {func(a *sale.Adoption) { a.Was = sale.NotInRedis }, sale.ErrStale},
		"another layout":          {func(a *sale.Adoption) { a.Was = sale.OldLayout }, sale.ErrStale},
		"records of an oversale":  {func(a *sale.Adoption) { a.Records = oversold }, sale.ErrConflict},
		"two orders of one buyer": {func(a *sale.Adoption) { a.Records = twoOrders }, sale.ErrConflict},
	} {
		a := valid
		if test.change(&a); !errors.Is(s.Adopt(ctx, "moved", a), test.want) {
			t.Errorf("%s: want %v", name, test.want)
		}
	}
	wantUnchanged(t, client, before)
	t.Run("and what an interrupted one has built is none of it", func(t *testing.T) {
		client.HSet(ctx, "{moved}:new:f:buyers", "mallory", "x")
		client.ZAdd(ctx, "{moved}:new:f:deadlines", redis.Z{Score: 1, Member: "x"})
		if err := s.Adopt(ctx, "moved", valid); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read.Records, wantClean(t, s, "moved").Records); diff != "" {
			t.Errorf("records (-before +after):\n%s", diff)
		}
		if left := client.Keys(ctx, "*:new:*").Val(); len(left) > 0 {
			t.Errorf("got %q left over, want nothing", left)
		}
	})
	t.Run("and the same again is stale", func(t *testing.T) {
		if err := s.Adopt(ctx, "moved", valid); !errors.Is(err, sale.ErrStale) {
			t.Errorf("got %v, want ErrStale", err)
		}
	})
	t.Run("and an empty Redis gets all of it", func(t *testing.T) {
		client.FlushAll(ctx)
		a := valid
		a.Was = sale.NotInRedis
		if err := s.Adopt(ctx, "moved", a); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(read.Records, wantClean(t, s, "moved").Records); diff != "" {
			t.Errorf("records (-before +after):\n%s", diff)
		}
		if ids, err := s.Sales(ctx); err != nil || len(ids) != 1 {
			t.Errorf("got the sales %v, %v, want it listed", ids, err)
		}
	})
}

// TestAdoptOfKeysThatHaveVanishedChangesNothing: what was built expires after an hour, or
// another reconciliation of the same name takes it away.
func TestAdoptOfKeysThatHaveVanishedChangesNothing(t *testing.T) {
	ctx := context.Background()
	_, client := newStore(t, server.Addr(), "n1")
	for _, gone := range []string{"buyers", "orders", "deadlines", "payments", "past"} {
		id := sale.ID("vanished-" + gone)
		s := spied(t, func(command string) {
			if command == "evalsha" {
				client.Del(ctx, "{"+string(id)+"}:new:f1:"+gone)
			}
		})
		open(t, s, newSale(string(id), 10))
		c := held(t, s, id, 3)
		_, _, err := s.Pay(ctx, id, 0, payment(string(id)+"-p0", c[0].Order, 4200))
		_, _, err2 := s.Cancel(ctx, id, 0, c[1].Order, c[1].Buyer)
		before, err3 := s.Snapshot(ctx, id)
		if err := errors.Join(err, err2, err3, s.Shut(ctx, id, "a test")); err != nil {
			t.Fatal(err)
		}
		a := sale.Adoption{
			Was: sale.ShutAt(before.Chain.Mark), Fence: "f1", Records: before.Records,
			Chain: sale.Chain{Life: before.Chain.Life, Mark: sale.Mark{Epoch: 2, Seq: before.Chain.Seq}},
		}
		keys := copyKeys(t, client, id)
		if err := s.Adopt(ctx, id, a); !errors.Is(err, sale.ErrStale) {
			t.Errorf("without %s: got %v, want ErrStale", gone, err)
		}
		if diff := cmp.Diff(keys, copyKeys(t, client, id)); diff != "" {
			t.Errorf("without %s: keys (-before +after):\n%s", gone, diff)
		}
		if left := client.Keys(ctx, "*:new:*").Val(); len(left) > 0 {
			t.Errorf("got %q left over, want nothing", left)
		}
	}
}
