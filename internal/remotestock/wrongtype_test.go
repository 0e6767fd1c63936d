package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// writers is every script that may write, run on a sale with one overdue hold
// of ann's under the order id given.
var writers = map[string]func(s *remotestock.Store, id sale.ID, order sale.OrderID) error{
	"deduct": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		c := s.Committer(id, watcher{}, remotestock.DefaultCommitConfig())
		_, err := c.Decide(claim("bob", 2))
		c.Wait()
		return err
	},
	"cancel": func(s *remotestock.Store, id sale.ID, order sale.OrderID) error {
		_, _, err := s.Cancel(context.Background(), id, 0, order, "ann")
		return err
	},
	"expire": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		_, _, _, err := s.Expire(context.Background(), id, 0, 10)
		return err
	},
	"pay": func(s *remotestock.Store, id sale.ID, order sale.OrderID) error {
		_, _, err := s.Pay(context.Background(), id, 0, payment(string(id)+"-p1", order, 4200))
		return err
	},
	"restock": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		_, err := s.Restock(context.Background(), id, 5, "key")
		return err
	},
	"close": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		return s.SetClosed(context.Background(), id, true)
	},
	"plan": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		survey, err := s.Survey(context.Background(), id)
		if err != nil {
			return err
		}
		_, err = s.WritePlan(context.Background(), id, 2, survey.Reading.Stock, []sale.Share{{Node: "n1", Slice: 1, Buffer: 1}})
		return err
	},
}

// conflicting are more scripts that write, though not on a hold that is paid by nobody.
var conflicting = map[string]func(s *remotestock.Store, id sale.ID, order sale.OrderID) error{
	"refund": func(s *remotestock.Store, id sale.ID, order sale.OrderID) error {
		_, err := s.Refund(context.Background(), id, order)
		return err
	},
	"part": func(s *remotestock.Store, id sale.ID, order sale.OrderID) error {
		_, err := s.RefundPart(context.Background(), id, order, sale.PaymentID(id)+"-part", 1)
		return err
	},
	"report": func(s *remotestock.Store, id sale.ID, order sale.OrderID) error {
		p := payment(string(id)+"-r1", order, 1)
		p.Of, p.Reason = sale.PaymentID(id)+"-p1", sale.ReasonReturned
		_, _, err := s.Pay(context.Background(), id, 0, p)
		return err
	},
	"settle": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		_, err := s.Settle(context.Background(), id, sale.PaymentID(id)+"-p1")
		return err
	},
	"orphan": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		_, _, err := s.Pay(context.Background(), id, 0, payment(string(id)+"-p1", "nobody's", 4200))
		return err
	},
	"forget": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		return s.Forget(context.Background(), id, sale.Chain{Life: "another", Mark: s.Seen(id)}, []string{"1-1"})
	},
	"snapshot": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		_, err := s.Snapshot(context.Background(), id)
		return err
	},
	"shut": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
		return s.Shut(context.Background(), id, "a test")
	},
}

// needsAll are the scripts that check every key. The plan and shut touch the first two.
func needsAll(name string) bool { return name != "plan" && name != "shut" }

// everyWriter is all of them.
func everyWriter() map[string]func(s *remotestock.Store, id sale.ID, order sale.OrderID) error {
	all := maps.Clone(writers)
	maps.Copy(all, conflicting)
	return all
}

// overdueSale opens a sale with a plan and an overdue hold of ann's.
func overdueSale(t testing.TB, s *remotestock.Store, client redis.UniversalClient, id string) sale.OrderID {
	t.Helper()
	ctx := context.Background()
	d := newSale(id, 10)
	open(t, s, d)
	survey, err := s.Survey(ctx, d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WritePlan(ctx, d.ID, 1, survey.Reading.Stock, []sale.Share{{Node: "n1", Slice: 5, Buffer: 5}}); err != nil {
		t.Fatal(err)
	}
	c := claim("ann", 1)
	if got, err := committer(t, s, d.ID).Decide(c); err != nil || got.Outcome != sale.Held {
		t.Fatalf("got %v, %v, want held", got.Outcome, err)
	}
	makeOverdue(t, client, d.ID, c.Order)
	return c.Order
}

// TestWrongTypeWritesNothing: whatever key is another program's, no script may
// write half of what it does and then report that it did nothing.
func TestWrongTypeWritesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1", func(c *remotestock.Config) { c.Call = 10 * time.Second })
	for name, write := range everyWriter() {
		for i := range remotestock.Keys("x") {
			id := fmt.Sprintf("wrong-%s-%d", name, i)
			order := overdueSale(t, s, client, id)
			key := remotestock.Keys(sale.ID(id))[i]
			t.Run(name+" on "+key, func(t *testing.T) {
				client.Del(ctx, key)
				client.SAdd(ctx, key, "another program's")
				before := dump(t, client)
				err := write(s, sale.ID(id), order)
				if err == nil && !needsAll(name) && i > 1 {
					return // it has no use for this key
				}
				if !errors.Is(err, sale.ErrUnavailable) {
					t.Errorf("got %v, want ErrUnavailable", err)
				}
				wantUnchanged(t, client, before)
			})
		}
	}
}

func TestMissingSaleIsNamed(t *testing.T) {
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	calls := map[string]func(*remotestock.Store, sale.ID, sale.OrderID) error{
		"read": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
			_, _, err := s.Read(context.Background(), id, 0)
			return err
		},
		"refill": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
			_, err := s.Refill(context.Background(), id, 0, 100, 1, 1, 1)
			return err
		},
		"plan unread": func(s *remotestock.Store, id sale.ID, _ sale.OrderID) error {
			_, err := s.WritePlan(context.Background(), id, 1, 1, []sale.Share{{Node: "n1"}})
			return err
		},
	}
	maps.Copy(calls, everyWriter())
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			err := call(s, "gone", claim("ann", 1).Order)
			if !errors.Is(err, sale.ErrNoSale) || !errors.Is(err, sale.ErrUnavailable) {
				t.Errorf("got %v, want ErrNoSale and ErrUnavailable", err)
			}
			wantUnchanged(t, client, map[string]string{})
		})
	}
}

// TestGarbageInTheBooksIsBroken: no script may calculate with what is no number.
func TestGarbageInTheBooksIsBroken(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	type fault struct{ field, value string }
	// These are numbers, and don't balance: an audit and a reconciliation have to get past them.
	unbalanced := []fault{{"remaining", "-1"}, {"remaining", "8"}, {"held", "-1"}, {"paid", "1"}, {"total", "11"}}
	faults := []fault{
		{"stock", "0"}, {"stock", "-5"}, {"plan", "-1"},
		{"epoch", "0"}, {"seq", "0"}, {"layout", "1"}, {"layout", ""},
	}
	for _, field := range []string{"total", "remaining", "held", "paid", "stock", "plan", "opens", "closes", "closed", "hold", "limit", "price", "fence",
		"ledger", "epoch", "base", "seq", "read", "dead", "tap"} {
		for _, value := range []string{"", "x", "nan", "inf", "1.5"} {
			faults = append(faults, fault{field, value})
		}
	}
	order := overdueSale(t, s, client, "garbage")
	key := remotestock.Keys("garbage")[0]
	intact := client.HGetAll(ctx, key).Val()
	for _, f := range unbalanced {
		client.HSet(ctx, key, f.field, f.value)
		wantBroken(t, s, client, "garbage", order, fmt.Sprintf("%s = %q", f.field, f.value), "shut", "snapshot")
		if _, err := s.Snapshot(ctx, "garbage"); err != nil {
			t.Errorf("%s = %q: got the snapshot's %v, want it read", f.field, f.value, err)
		}
		client.HSet(ctx, key, intact)
	}
	for _, f := range faults {
		client.HSet(ctx, key, f.field, f.value)
		wantBroken(t, s, client, "garbage", order, fmt.Sprintf("%s = %q", f.field, f.value))
		client.HSet(ctx, key, intact)
	}
	client.HDel(ctx, key, "fence")
	wantBroken(t, s, client, "garbage", order, "fence missing")
	client.HSet(ctx, key, intact)

	t.Run("infinite stock", func(t *testing.T) {
		client.HSet(ctx, key, "total", "inf", "remaining", "inf")
		wantBroken(t, s, client, "garbage", order, "total = remaining = inf")
		client.HSet(ctx, key, intact)
	})
	t.Run("half tickets", func(t *testing.T) {
		client.HSet(ctx, key, "total", "10.5", "remaining", "9.5")
		wantBroken(t, s, client, "garbage", order, "half a ticket")
		client.HSet(ctx, key, intact)
	})
}

func wantBroken(t testing.TB, s *remotestock.Store, client redis.UniversalClient, id sale.ID, order sale.OrderID, what string, but ...string) {
	t.Helper()
	before := dump(t, client)
	for name, write := range everyWriter() {
		if slices.Contains(but, name) {
			continue
		}
		if err := write(s, id, order); !errors.Is(err, sale.ErrUnavailable) {
			t.Errorf("%s, %s: got %v, want ErrUnavailable", what, name, err)
		}
	}
	wantUnchanged(t, client, before)
}

// TestGarbageInAPlanCostsNoClaim: a plan is a hint. One that can't be read must
// neither stop the sale nor fail a script after it has written.
func TestGarbageInAPlanCostsNoClaim(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	for i, fields := range [][]string{
		{"a:n1", "x"}, {"a:n1", ""}, {"a:n1", "1"}, {"a:n1", "-1 5"}, {"c:n1", "x"}, {"c:n1", "1.5"}, {"c:n1", ""}, {"stock", "x"},
	} {
		for name, write := range writers {
			id := sale.ID(fmt.Sprintf("plan-%d-%s", i, name))
			order := overdueSale(t, s, client, string(id))
			client.HSet(ctx, remotestock.Keys(id)[1], fields)
			if err := write(s, id, order); err != nil {
				t.Errorf("%q, %s: got %v, want it done", fields, name, err)
			}
			_, r, err := s.Read(ctx, id, 0)
			if err != nil || r.Remaining != map[string]int64{"deduct": 7, "restock": 14, "cancel": 10, "expire": 10}[name] && r.Remaining != 9 {
				t.Errorf("%q, %s: got remaining %d, %v", fields, name, r.Remaining, err)
			}
		}
	}
}
