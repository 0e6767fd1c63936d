package remotestock_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// TestAnOperatorsCallCostsRedisWhatItAnswers: to show one order, to refund it and to list
// refunds read all payments of the sale. At 50,000 that was 64 ms of Redis, and at 100,000
// the operator got "store unavailable", though the refund had been made.
func TestAnOperatorsCallCostsRedisWhatItAnswers(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	costs := map[sale.ID]map[string]string{}
	for _, id := range []sale.ID{"small", "large"} {
		payments := map[sale.ID]int{"small": 40, "large": 6000}[id]
		claims := filled(t, s, id, payments, payments)
		for _, c := range claims[:20] {
			if _, err := s.Refund(ctx, id, c.Order); err != nil {
				t.Fatal(err)
			}
		}
		for n := range payments {
			p := stray(n)
			p.ID, p.Message = sale.PaymentID(id)+p.ID, sale.MessageID(id)+p.Message
			if _, err := s.Orphan(ctx, id, p); err != nil {
				t.Fatal(err)
			}
		}
		costs[id] = commandsOf(t, client, map[string]func() error{
			"an order":  func() error { _, _, err := s.OrderPayments(ctx, id, claims[30].Order, "", 100); return err },
			"a refund":  func() error { _, err := s.Refund(ctx, id, claims[31].Order); return err },
			"due":       func() error { _, err := s.Payments(ctx, id, sale.PaymentDue, "", 10); return err },
			"applied":   func() error { _, err := s.Payments(ctx, id, sale.PaymentApplied, "", 10); return err },
			"none":      func() error { _, err := s.Payments(ctx, id, sale.PaymentSettled, "", 10); return err },
			"a settled": func() error { _, err := s.Settle(ctx, id, sale.PaymentID(id)+"-p31"); return err },
			"orphans":   func() error { _, err := s.Orphans(ctx, sale.PaymentDue, "", 10); return err },
			"an orphan": func() error { _, err := s.SettleOrphan(ctx, sale.PaymentID(id)+"pay/7"); return err },
		})
	}
	for what, small := range costs["small"] {
		large := costs["large"][what]
		if small != large {
			t.Errorf("%s: got the commands %s in a large sale, want as in a small one: %s", what, large, small)
		}
		for _, whole := range []string{"hgetall", "hscan", "zscan", "hkeys", "hvals"} {
			if strings.Contains(large, whole) {
				t.Errorf("%s: got %s, want no command that reads a whole key", what, large)
			}
		}
	}
}

// commandsOf are the commands that each call has Redis run, those within scripts included.
func commandsOf(t *testing.T, client redis.UniversalClient, calls map[string]func() error) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, what := range slices.Sorted(maps.Keys(calls)) {
		client.ConfigResetStat(t.Context())
		if err := calls[what](); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var commands []string
		for line := range strings.Lines(client.Info(t.Context(), "commandstats").Val()) {
			name, stats, _ := strings.Cut(line, ":")
			command, is := strings.CutPrefix(name, "cmdstat_")
			count, _, _ := strings.Cut(stats, ",")
			if is && command != "info" && command != "eval" && !strings.HasPrefix(command, "config") {
				commands = append(commands, command+" "+count)
			}
		}
		slices.Sort(commands)
		all[what] = strings.Join(commands, ", ")
	}
	return all
}

// TestPagesOfPaymentsBringEachOnce: also while some of them are settled.
func TestPagesOfPaymentsBringEachOnce(t *testing.T) {
	const payments = 100
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("pages", 5))
	c := held(t, s, "pages", 1)[0]
	for n := range payments { // of another amount than the order's
		if _, _, err := s.Pay(ctx, "pages", 0, payment(fmt.Sprint("p", n), c.Order, 1)); err != nil {
			t.Fatal(err)
		}
	}
	var settling sync.WaitGroup
	seen := map[sale.PaymentID]int{}
	for after := ""; ; {
		page, err := s.Payments(ctx, "pages", sale.PaymentDue, after, 7)
		if err != nil || len(page.Payments) > 7 {
			t.Fatalf("got %d payments, %v, want at most 7", len(page.Payments), err)
		}
		for _, p := range page.Payments {
			seen[p.ID]++
			settling.Go(func() {
				if _, err := s.Settle(ctx, "pages", p.ID); err != nil {
					t.Error(err)
				}
			})
		}
		if after = page.Next; after == "" {
			break
		}
	}
	settling.Wait()
	for n := range payments {
		if id := sale.PaymentID(fmt.Sprint("p", n)); seen[id] != 1 {
			t.Errorf("got %s %d times, want once", id, seen[id])
		}
	}
	page, err := s.Payments(ctx, "pages", sale.PaymentDue, "", 7)
	if err != nil || len(page.Payments) != 0 || page.Next != "" {
		t.Errorf("got %+v, %v, want none due", page, err)
	}
	_, of, err := s.OrderPayments(ctx, "pages", c.Order, "", sale.MaxPage)
	if err != nil || len(of.Payments) != payments {
		t.Errorf("got %d payments for the order, %v, want %d", len(of.Payments), err, payments)
	}
	wantClean(t, s, "pages")
}

// TestASaleOfThousandsOfRestocksIsReconciled: the script that put it in place failed after
// it had removed what was there, as Lua unpacks at most some 8,000 values.
func TestASaleOfThousandsOfRestocksIsReconciled(t *testing.T) {
	const restocks = 9000
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	open(t, s, newSale("restocks", 5))
	held(t, s, "restocks", 2)
	var group sync.WaitGroup
	for w := range 16 {
		group.Go(func() {
			for n := w; n < restocks; n += 16 {
				if _, err := s.Restock(ctx, "restocks", 1, fmt.Sprint("k", n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	whole, err := s.Snapshot(ctx, "restocks")
	if err != nil || len(whole.Restocks) != restocks {
		t.Fatalf("got %d restocks, %v, want %d", len(whole.Restocks), err, restocks)
	}
	if err := s.Shut(ctx, "restocks", "a test"); err != nil {
		t.Fatal(err)
	}
	adoptNow(t, s, whole, false)
	after := wantClean(t, s, "restocks")
	if !maps.Equal(after.Restocks, whole.Restocks) || after.Counters != whole.Counters {
		t.Errorf("got %d restocks and the books %+v, want all, and %+v", len(after.Restocks), after.Counters, whole.Counters)
	}
	if got, err := s.Restock(ctx, "restocks", 1, "k17"); err != nil || got != restocks+5 {
		t.Errorf("a restock again: got %d, %v, want %d as before", got, err, restocks+5)
	}
	// What a snapshot asks for at one instant does not grow with them.
	sizes := &replies{}
	client.AddHook(commandHook{func(string) {}, sizes.add})
	if _, err := s.Snapshot(ctx, "restocks"); err != nil {
		t.Fatal(err)
	}
	if sizes.fields > 2*512+64 {
		t.Errorf("got a call of %d fields, want pieces", sizes.fields)
	}
}
