package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/lease"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// Redis's memory filled up while PostgreSQL was away. Then no ledger got a lease, so what
// would have freed memory never ran; and cancels and payments were refused too.
func TestAFullRedisRefusesNewHoldsAlone(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t, "--appendfsync", "no").Addr(), "n1", func(c *remotestock.Config) { c.Ledger = true }, patience(300*time.Millisecond))
	open(t, s, newSale("s", 20))
	recorded := func() sale.Page {
		t.Helper()
		p, err := s.Page(ctx, "s", "", 100)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := recorded()
	if err := s.Forget(ctx, "s", p.Chain, []string{p.Events[0].ID}); err != nil {
		t.Fatal(err)
	}
	claims := held(t, s, "s", 6)
	c := committer(t, s, "s")
	mine := lease.New(client, "", "ledger", "me", 3*time.Second)
	registry := lease.NewRegistry(client, "", "ledger")
	makeOverdue(t, client, "s", claims[5].Order)
	if err := client.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}

	t.Run("a new hold is refused, and nothing was sold", func(t *testing.T) {
		d, err := c.Decide(claim("new", 1))
		if !errors.Is(err, remotestock.ErrFull) || !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) {
			t.Errorf("got %v, %v, want ErrFull", d.Outcome, err)
		}
		if err := s.Refuses("s"); !errors.Is(err, remotestock.ErrFull) {
			t.Errorf("the next: got %v, want it refused unsent", err)
		}
	})
	t.Run("a buyer with a hold gets it, though his claim shares a call with new ones", func(t *testing.T) {
		again := claims[0]
		again.Deadline = claim("x", 1).Deadline
		news, known := decide(c, claim("newer", 1)), decide(c, again)
		if got := <-known; got.err != nil || got.decision.Outcome != sale.Replayed {
			t.Errorf("known: got %v, %v, want its order again", got.decision.Outcome, got.err)
		}
		if got := <-news; !errors.Is(got.err, remotestock.ErrFull) {
			t.Errorf("new: got %v, %v, want ErrFull", got.decision.Outcome, got.err)
		}
		if d, err := c.Decide(claim("buyer-1", 1)); err != nil || d.Outcome != sale.Replayed {
			t.Errorf("another claim of a buyer with a hold: got %v, %v, want his order", d.Outcome, err)
		}
	})
	t.Run("openings and restocks that add are refused", func(t *testing.T) {
		if _, err := s.Open(ctx, newSale("another", 5)); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("open: got %v, want ErrUnavailable", err)
		}
		if _, err := s.Restock(ctx, "s", 5, "more"); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("restock: got %v, want ErrUnavailable", err)
		}
	})
	order := claims[1].Order
	for _, step := range []struct {
		name string
		run  func() error
	}{
		{"cancel", func() error { _, _, err := s.Cancel(ctx, "s", 0, claims[0].Order, claims[0].Buyer); return err }},
		{"pay", func() error { _, _, err := s.Pay(ctx, "s", 0, payment("p1", order, 4200)); return err }},
		{"pay for nothing", func() error { _, _, err := s.Pay(ctx, "s", 0, payment("p2", "nobody's", 4200)); return err }},
		{"return a part", func() error { _, err := s.RefundPart(ctx, "s", order, "part", 100); return err }},
		{"report a part", func() error { _, _, err := s.Pay(ctx, "s", 0, returned("r1", "p1", order, 200)); return err }},
		{"report a part of a sale that nobody knows", func() error { _, err := s.Orphan(ctx, "unknown", returned("r2", "p4", order, 200)); return err }},
		{"refund", func() error { _, err := s.Refund(ctx, "s", order); return err }},
		{"settle", func() error { _, err := s.Settle(ctx, "s", "p1"); return err }},
		{"pay for a sale that nobody knows", func() error { _, err := s.Orphan(ctx, "unknown", payment("p3", "nobody's", 4200)); return err }},
		{"settle an orphan", func() error { _, err := s.SettleOrphan(ctx, "p3"); return err }},
		{"expire", func() error {
			n, _, _, err := s.Expire(ctx, "s", 0, 100)
			if err == nil && n != 1 {
				t.Errorf("expire: got %d ended, want 1", n)
			}
			return err
		}},
		{"restock by less", func() error { _, err := s.Restock(ctx, "s", -2, "less"); return err }},
		{"plan", func() error {
			v, err := s.Survey(ctx, "s")
			if err != nil {
				return err
			}
			_, err = s.WritePlan(ctx, "s", 7, v.Reading.Stock, []sale.Share{{Node: "n1", Slice: 1}})
			return err
		}},
		{"lease", func() error {
			_, held, err := mine.Acquire(ctx)
			if err == nil && !held {
				err = errors.New("it is not held")
			}
			return err
		}},
		{"register", func() error { _, err := registry.Member("me", "here", 3*time.Second).Register(ctx); return err }},
		{"yield", func() error { return s.Yield(ctx, "s", time.Second) }},
		{"audit", func() error { _, err := s.Snapshot(ctx, "s"); return err }},
		{"forget", func() error {
			p := recorded()
			ids := make([]string, len(p.Events))
			for i, e := range p.Events {
				ids[i] = e.ID
			}
			return s.Forget(ctx, "s", p.Chain, ids)
		}},
		{"close", func() error { return s.SetClosed(ctx, "s", true) }},
		{"shut", func() error { return s.Shut(ctx, "s", "a test") }},
	} {
		if err := step.run(); err != nil {
			t.Errorf("%s: got %v, want it done though memory is full", step.name, err)
		}
	}
	if err := client.ConfigSet(ctx, "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if v := wantClean(t, s, "s"); v.Sold() != 3 || v.Counters.Remaining != 15 {
		t.Errorf("got %d sold and %d remaining, want 3 and 15", v.Sold(), v.Counters.Remaining)
	}
}

// A sale that has lost data is shut also where Redis's memory is full: its answer would
// otherwise be that memory is full, and the loss would be found by nobody.
func TestALossIsNoticedThoughRedisIsFull(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t, "--appendfsync", "no").Addr(), "n1")
	open(t, s, newSale("s", 20))
	before := copyKeys(t, client, "s")
	held(t, s, "s", 3)
	before.putBack(t, client, "s")
	client.ConfigSet(ctx, "maxmemory", "1")
	if _, _, err := s.Read(ctx, "s", 0); !errors.Is(err, sale.ErrLost) {
		t.Errorf("got %v, want ErrLost", err)
	}
	if lost := client.HGet(ctx, remotestock.Keys("s")[0], "lost").Val(); lost == "" {
		t.Error("the sale is not marked as lost")
	}
}

// With replicas to wait for, each call is followed by a small write: one that fails where
// memory is full confirmed nothing, or had every payment end unknown.
func TestReplicasConfirmThoughRedisIsFull(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	ctx := context.Background()
	open(t, p.store, newSale("s", 20))
	claims := held(t, p.store, "s", 2)
	if err := p.client.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.store.Cancel(ctx, "s", 0, claims[0].Order, claims[0].Buyer); err != nil {
		t.Errorf("cancel: got %v, want it confirmed", err)
	}
	if o, err := p.store.OrderOf(ctx, "s", claims[1].Buyer); err != nil || o.ID != claims[1].Order {
		t.Errorf("mine: got %+v, %v, want the order", o, err)
	}
	if err := p.replica.Pause(); err != nil {
		t.Fatal(err)
	}
	defer p.replica.Resume()
	if o, err := p.store.OrderOf(ctx, "s", claims[1].Buyer); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("mine without the replica: got %+v, %v, want ErrUnavailable", o, err)
	}
}

// Memory is reported before it is full, and nobody who reads the log is woken each time it
// crosses the limit.
func TestMemoryIsReportedAtItsThresholds(t *testing.T) {
	ctx := context.Background()
	_, client := newStore(t, processtest.Redis(t, "--appendfsync", "no").Addr(), "n1")
	core, lines := observer.New(zap.InfoLevel)
	config := remotestock.DefaultConfig("")
	config.AllowDataLoss = true
	s := remotestock.New(client, "n1", config, remotestock.Hooks{}, zap.New(core))
	look := func(what string, limit float64, want remotestock.Memory, unfit bool) {
		t.Helper()
		info, err := client.Info(ctx, "memory").Result()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(info, "used_memory:")
		var used float64
		if _, err := fmt.Sscan(rest, &used); err != nil {
			t.Fatal(err)
		}
		if err := client.ConfigSet(ctx, "maxmemory", fmt.Sprintf("%.0f", used*limit)).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Look(ctx); err != nil {
			t.Fatal(err)
		}
		if got := s.Condition().Memory; got != want || errors.Is(s.Unfit(), remotestock.ErrFull) != unfit {
			t.Errorf("%s: got memory %v, unfit %v, want %v, %v", what, got, s.Unfit(), want, unfit)
		}
	}
	look("no limit", 0, remotestock.MemoryEnough, false)
	look("half", 2, remotestock.MemoryEnough, false)
	look("nine tenths", 1.1, remotestock.MemoryLow, false)
	look("full", 0.9, remotestock.MemoryFull, true)
	look("below for a moment", 2, remotestock.MemoryFull, true)
	look("full again", 0.9, remotestock.MemoryFull, true)
	look("below", 2, remotestock.MemoryFull, true)
	look("still below", 2, remotestock.MemoryFull, true)
	look("below for good", 2, remotestock.MemoryEnough, false)
	if got := lines.FilterMessageSnippet("emory").Len(); got != 3 {
		t.Errorf("got %d lines, want 3: nearly full, full, enough: %v", got, lines.All())
	}
}
