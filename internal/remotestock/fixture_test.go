package remotestock_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"onsale/internal/audit"
	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// hooked makes a store with hooks, for a server at addr.
func hooked(t testing.TB, addr string, hooks remotestock.Hooks, change ...func(*remotestock.Config)) (*remotestock.Store, redis.UniversalClient) {
	t.Helper()
	config := remotestock.DefaultConfig(addr)
	for _, f := range change {
		f(&config)
	}
	client := dial(t, addr, config)
	return remotestock.New(client, "n1", config, hooks, zap.NewNop()), client
}

// committer makes a group commit whose goroutines must end with the test.
func committer(t testing.TB, s *remotestock.Store, id sale.ID, change ...func(*remotestock.CommitConfig)) *remotestock.Committer {
	t.Helper()
	config := remotestock.DefaultCommitConfig()
	for _, f := range change {
		f(&config)
	}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	c := s.Committer(id, watcher{}, config)
	t.Cleanup(c.Wait)
	return c
}

// patience has what is unknown sent again for d.
func patience(d time.Duration) func(*remotestock.Config) {
	return func(c *remotestock.Config) { c.Patience = d }
}

// decided is a claim's answer, for those that are awaited in the background.
type decided struct {
	claim    sale.Claim
	decision sale.Decision
	err      error
	took     time.Duration
}

// decide has the claim decided in the background.
func decide(c *remotestock.Committer, claim sale.Claim) <-chan decided {
	answer := make(chan decided, 1)
	go func() {
		from := time.Now()
		d, err := c.Decide(claim)
		answer <- decided{claim, d, err, time.Since(from)}
	}()
	return answer
}

// wantClean fails the test where the sale breaks a promise, and returns its books.
func wantClean(t testing.TB, s *remotestock.Store, id sale.ID) sale.Snapshot {
	t.Helper()
	snapshot, err := s.Snapshot(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	if faults := faultsOf(snapshot); len(faults) > 0 {
		t.Errorf("audit of %s: got the faults %q, want none", id, faults)
	}
	return snapshot
}

// faultsOf audits a snapshot without what is no fault: deadlines of orders that are held
// no more are swept later, and an orphan is a payment for no order.
func faultsOf(s sale.Snapshot) []string {
	s.Records, s.Deadlines = s.Clone(), maps.Clone(s.Deadlines)
	maps.DeleteFunc(s.Deadlines, func(id sale.OrderID, _ sale.Instant) bool { return s.Orders[id].State != sale.StateHeld })
	s.Listed = maps.Clone(s.Listed)
	maps.DeleteFunc(s.Listed, func(id sale.PaymentID, _ sale.PaymentState) bool { return s.Payments[id].Reason == sale.ReasonOrphan })
	maps.DeleteFunc(s.Payments, func(_ sale.PaymentID, p sale.Payment) bool { return p.Reason == sale.ReasonOrphan })
	s.Stream = slices.Clone(s.Stream)
	for i, e := range s.Stream {
		s.Stream[i].Payments = slices.DeleteFunc(slices.Clone(e.Payments), func(p sale.Payment) bool { return p.Reason == sale.ReasonOrphan })
	}
	return audit.Stock(s)
}

// makeOverdue has the payment deadline of these holds pass, without waiting for it.
func makeOverdue(t testing.TB, client redis.UniversalClient, id sale.ID, orders ...sale.OrderID) {
	t.Helper()
	makeOverdueAt(t, client, remotestock.Keys(id)[4], orders...)
}

// makeOverdueAt is makeOverdue for the deadlines at any key.
func makeOverdueAt(t testing.TB, client redis.UniversalClient, key string, orders ...sale.OrderID) {
	t.Helper()
	due := make([]redis.Z, len(orders))
	for i, o := range orders {
		due[i] = redis.Z{Score: 1, Member: remotestock.EncodeID(o)}
	}
	if err := client.ZAdd(context.Background(), key, due...).Err(); err != nil {
		t.Fatal(err)
	}
}

// keysAt is what Redis holds of a sale at one instant.
type keysAt map[string]string

func copyKeys(t rapid.TB, client redis.UniversalClient, id sale.ID) keysAt {
	t.Helper()
	kept := keysAt{}
	for _, key := range remotestock.Keys(id) {
		value, err := client.Dump(context.Background(), key).Result()
		if err == nil {
			kept[key] = value
		} else if !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
	}
	return kept
}

// putBack loses what has happened to the sale since.
func (k keysAt) putBack(t rapid.TB, client redis.UniversalClient, id sale.ID) {
	t.Helper()
	client.Del(context.Background(), remotestock.Keys(id)...)
	for key, value := range k {
		if err := client.Restore(context.Background(), key, 0, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// dump is everything in Redis, byte by byte.
func dump(t testing.TB, client redis.UniversalClient) map[string]string {
	t.Helper()
	ctx := context.Background()
	keys, err := client.Keys(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, k := range keys {
		// Whom a payment belongs to is written before what becomes of it.
		if strings.HasPrefix(k, "{onsale:payment:") {
			continue
		}
		if all[k], err = client.Dump(ctx, k).Result(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func wantUnchanged(t testing.TB, client redis.UniversalClient, before map[string]string) {
	t.Helper()
	after := dump(t, client)
	for _, key := range slices.Sorted(maps.Keys(after)) {
		if before[key] != after[key] {
			t.Errorf("got %s written to, want nothing written", key)
		}
	}
	if len(after) != len(before) {
		t.Errorf("got %d keys, want the %d from before", len(after), len(before))
	}
}
