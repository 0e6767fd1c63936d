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

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// TestLostRepliesMakeOneHold: Redis sold, and the connection broke before it
// could say so. The claim is sent again and hears of its own hold.
func TestLostRepliesMakeOneHold(t *testing.T) {
	const losses = 3
	redis := startRedis(t)
	direct, _ := newStore(t, redis.Addr(), "n1")
	d := newSale("lost", 10)
	open(t, direct, d)
	p := startProxy(t, redis.Addr())
	var resent atomic.Int64
	s, _ := hooked(t, p.addr(), remotestock.Hooks{Resent: func(n int) { resent.Add(int64(n)) }},
		func(c *remotestock.Config) { c.TripAfter = 100 })
	c := committer(t, s, d.ID, patience(20*time.Second))
	if _, err := c.Decide(claim("warm", 1)); err != nil { // the script is cached from here on
		t.Fatal(err)
	}
	p.cuts.Store(losses)
	mine := claim("ann", 2)
	got, err := c.Decide(mine)
	if err != nil || got.Outcome != sale.Replayed || got.Order.ID != mine.Order {
		t.Fatalf("got %v of %s, %v, want this claim's own order replayed", got.Outcome, got.Order.ID, err)
	}
	if resent.Load() != losses {
		t.Errorf("got %d re-sends, want %d", resent.Load(), losses)
	}
	if audit := wantClean(t, direct, d.ID); audit.Sold() != 3 || len(audit.Orders) != 2 {
		t.Errorf("got %d tickets in %d orders, want 3 in 2", audit.Sold(), len(audit.Orders))
	}
}

// TestLostReplyAfterACancel: the hold was made, the reply lost, and before the
// claim is sent again the buyer has cancelled. It must not buy a second time.
func TestLostReplyAfterACancel(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	d := newSale("lost-cancel", 10)
	open(t, s, d)
	c := committer(t, s, d.ID)
	mine := claim("ann", 2)
	if _, err := c.Decide(mine); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Cancel(ctx, d.ID, 0, mine.Order, "ann"); err != nil {
		t.Fatal(err)
	}
	got, err := c.Decide(mine)
	if err != nil || got.Outcome != sale.Replayed || got.Order.State != sale.StateCancelled {
		t.Errorf("got %v, %s, %v, want the cancelled order", got.Outcome, got.Order.State, err)
	}
	if audit := wantClean(t, s, d.ID); audit.Sold() != 0 {
		t.Errorf("got %d tickets sold, want none", audit.Sold())
	}
}

// TestOneCallSendsItsScriptOnce: go-redis must not retry a script by itself.
func TestOneCallSendsItsScriptOnce(t *testing.T) {
	ctx := context.Background()
	redis := startRedis(t)
	direct, plain := newStore(t, redis.Addr(), "n1")
	open(t, direct, newSale("once", 10))
	p := startProxy(t, redis.Addr())
	s, _ := newStore(t, p.addr(), "n1", func(c *remotestock.Config) { c.TripAfter = 1000 })
	calls := map[string]func() error{
		"restock": func() error { _, err := s.Restock(ctx, "once", 1, fmt.Sprint(time.Now().UnixNano())); return err },
		"expire":  func() error { _, _, _, err := s.Expire(ctx, "once", 0, 1); return err },
		"read":    func() error { _, _, err := s.Read(ctx, "once", 0); return err },
		"close":   func() error { return s.SetClosed(ctx, "once", false) },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			if err := call(); err != nil { // caches the script
				t.Fatal(err)
			}
			for _, cut := range []int64{0, 1} {
				if err := plain.ConfigResetStat(ctx).Err(); err != nil {
					t.Fatal(err)
				}
				p.cuts.Store(cut)
				if err := call(); (cut == 1) != errors.Is(err, sale.ErrUnknown) {
					t.Errorf("%d replies cut: got %v", cut, err)
				}
				p.cuts.Store(0)
				stats := plain.Info(ctx, "commandstats").Val()
				if !strings.Contains(stats, "cmdstat_evalsha:calls=1,") || strings.Contains(stats, "cmdstat_eval:") {
					t.Errorf("%d replies cut: got %s, want one evalsha", cut, stats)
				}
			}
		})
	}
}

// TestReplyOfAnotherShapeIsUnknown: whatever answers there, it is sent again
// under the same order id, and never taken for a decision.
func TestReplyOfAnotherShapeIsUnknown(t *testing.T) {
	const header = ":1000\r\n:5\r\n:1\r\n:0\r\n:-1\r\n:0\r\n"
	for name, reply := range map[string]string{
		"a status":                       "+OK\r\n",
		"an integer":                     ":1\r\n",
		"nothing":                        "$-1\r\n",
		"no elements":                    "*0\r\n",
		"a short header":                 "*2\r\n:1000\r\n:5\r\n",
		"text in the header":             "*8\r\n:1000\r\n$1\r\n5\r\n:1\r\n:0\r\n:-1\r\n:0\r\n$4\r\nheld\r\n$1\r\nx\r\n",
		"negative stock":                 "*8\r\n:1000\r\n:-5\r\n:1\r\n:0\r\n:-1\r\n:0\r\n$8\r\nsold-out\r\n$0\r\n\r\n",
		"no results":                     "*6\r\n" + header,
		"a result too many":              "*10\r\n" + header + strings.Repeat("$8\r\nsold-out\r\n$0\r\n\r\n", 2),
		"an outcome without its detail":  "*7\r\n" + header + "$8\r\nsold-out\r\n",
		"an unknown outcome":             "*8\r\n" + header + "$4\r\ngone\r\n$0\r\n\r\n",
		"an outcome that is a number":    "*8\r\n" + header + ":1\r\n$0\r\n\r\n",
		"a record of garbage":            "*8\r\n" + header + "$4\r\nheld\r\n$7\r\ngarbage\r\n",
		"not-enough without a number":    "*8\r\n" + header + "$10\r\nnot-enough\r\n$1\r\nx\r\n",
		"an error that no script raises": "-ERR something strange\r\n",
		"another protocol":               "HTTP/1.1 400 Bad Request\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var ids []string
			f := startFake(t, func(args []string) string {
				mu.Lock()
				ids = append(ids, args[2])
				mu.Unlock()
				return reply
			})
			s, _ := newStore(t, f.addr(), "n1", func(c *remotestock.Config) { c.TripAfter = 1000 })
			c := committer(t, s, "s", patience(150*time.Millisecond))
			mine := claim("ann", 1)
			got, err := c.Decide(mine)
			if !errors.Is(err, sale.ErrUnknown) || errors.Is(err, sale.ErrUnavailable) || got.Outcome != sale.Undecided {
				t.Errorf("got %v, %v, want ErrUnknown", got.Outcome, err)
			}
			if len(ids) < 2 {
				t.Errorf("got %d sendings, want the claim sent again", len(ids))
			}
			for _, id := range ids {
				if id != string(mine.Order) {
					t.Errorf("got it sent as %s, want %s each time", id, mine.Order)
				}
			}
		})
	}
}

// TestReadsOfAnotherShapeAreErrors: no call may take garbage for news.
func TestReadsOfAnotherShapeAreErrors(t *testing.T) {
	ctx := context.Background()
	for _, reply := range []string{
		"+OK\r\n", "*0\r\n", "*6\r\n:1000\r\n:5\r\n:1\r\n:0\r\n:-1\r\n:0\r\n",
		"*8\r\n:1000\r\n:5\r\n:1\r\n:0\r\n:-1\r\n:0\r\n$4\r\nwhat\r\n$1\r\nx\r\n",
	} {
		f := startFake(t, func([]string) string { return reply })
		s, _ := newStore(t, f.addr(), "n1", func(c *remotestock.Config) { c.TripAfter = 1000 })
		errs := map[string]error{}
		_, _, errs["read"] = s.Read(ctx, "s", 0)
		_, errs["survey"] = s.Survey(ctx, "s")
		_, errs["draw"] = s.Draw(ctx, "s", 0, 1, 1, 1)
		_, _, _, errs["expire"] = s.Expire(ctx, "s", 0, 1)
		_, _, errs["cancel"] = s.Cancel(ctx, "s", 0, "o", "ann")
		_, errs["plan"] = s.WritePlan(ctx, "s", 1, 1, []sale.Share{{Node: "n1"}})
		_, errs["restock"] = s.Restock(ctx, "s", 1, "k")
		_, errs["open"] = s.Open(ctx, newSale("s", 1))
		for name, err := range errs {
			if err == nil {
				t.Errorf("%s on %q: got no error", name, reply)
			}
		}
	}
}
