package remotestock_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// TestASaleIsNotSoldBeforeItIsRecorded: Redis came back empty, a deploy script opened the
// sale again, and all of it was sold a second time.
func TestASaleIsNotSoldBeforeItIsRecorded(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1", func(c *remotestock.Config) { c.Ledger = true })
	open(t, s, newSale("unrecorded", 10))
	wantSelling := func(when string, recorded bool) {
		t.Helper()
		got, err := committer(t, s, "unrecorded").Decide(claim("ann", 1))
		if recorded && (err != nil || got.Outcome != sale.Held) || !recorded && !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("%s: got a claim %v, %v", when, got.Outcome, err)
		}
		if _, err := s.Refill(ctx, "unrecorded", 0, 100, 1, 1, 1); recorded != (err == nil) {
			t.Errorf("%s: got a refill %v", when, err)
		}
		if v, err := s.Survey(ctx, "unrecorded"); err != nil || v.Recorded != recorded {
			t.Errorf("%s: got recorded %v, %v, want %v", when, v.Recorded, err, recorded)
		}
	}
	wantSelling("opened", false)
	p, err := s.Page(ctx, "unrecorded", "", 10)
	if err != nil || len(p.Events) != 1 || p.Events[0].Life != p.Chain.Life {
		t.Fatalf("got %+v, %v, want the opening", p, err)
	}
	if err := s.Forget(ctx, "unrecorded", sale.Chain{Life: p.Chain.Life, Mark: p.Events[0].Mark}, []string{p.Events[0].ID}); err != nil {
		t.Fatal(err)
	}
	wantSelling("recorded", true)

	t.Run("and a second life is shut", func(t *testing.T) {
		other := newSale("second-life", 10)
		open(t, s, other)
		if err := s.Forget(ctx, other.ID, sale.Chain{Life: "the first", Mark: s.Seen(other.ID)}, nil); !errors.Is(err, sale.ErrLost) {
			t.Errorf("got %v, want ErrLost", err)
		}
		wantShut(t, s, other.ID)
	})
}

// TestALedgerWithAnotherHistoryShutsTheSale: what it committed is not what Redis has.
func TestALedgerWithAnotherHistoryShutsTheSale(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	for name, change := range map[string]func(*sale.Chain){
		"life":  func(c *sale.Chain) { c.Life = "another" },
		"link":  func(c *sale.Chain) { c.Link = "0123456789ab" },
		"seq":   func(c *sale.Chain) { c.Seq++ },
		"epoch": func(c *sale.Chain) { c.Epoch++ },
	} {
		id := sale.ID("history-" + name)
		open(t, s, newSale(string(id), 10))
		held(t, s, id, 1)
		chain := wantClean(t, s, id).Chain
		if err := s.Forget(ctx, id, chain, nil); err != nil {
			t.Fatalf("its own: got %v, want it taken", err)
		}
		if change(&chain); !errors.Is(s.Forget(ctx, id, chain, nil), sale.ErrLost) {
			t.Errorf("another %s: want ErrLost", name)
		}
		wantShut(t, s, id)
	}
}

// TestAForgetFromBeforeReconciliationChangesNothing: the links of that time are gone, and
// a call that was late on its way shut the sale again.
func TestAForgetFromBeforeReconciliationChangesNothing(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("forget", 10))
	held(t, s, "forget", 1)
	before := wantClean(t, s, "forget")
	if err := s.Shut(ctx, "forget", "a test"); err != nil {
		t.Fatal(err)
	}
	adoptNow(t, s, before, true)
	if err := s.Forget(ctx, "forget", before.Chain, []string{before.Stream[0].ID}); err != nil {
		t.Errorf("got %v, want nothing to happen", err)
	}
	after := wantClean(t, s, "forget")
	if after.Lost != "" || after.Read != 0 || len(after.Stream) != 1 || after.Stream[0].Reconciled != "f1" {
		t.Errorf("got shut %q, read %d, the stream %+v, want the new epoch's event alone", after.Lost, after.Read, after.Stream)
	}
	if !maps.Equal(before.Orders, after.Orders) {
		t.Errorf("got the orders %+v, want %+v", after.Orders, before.Orders)
	}
}
