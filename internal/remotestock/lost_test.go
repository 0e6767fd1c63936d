package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// TestLostRepliesMakeOneHold: Redis sold, and the connection broke before it
// could reply. The claim is sent again and gets its own hold.
func TestLostRepliesMakeOneHold(t *testing.T) {
	const losses = 3
	redis := processtest.Redis(t)
	direct, _ := newStore(t, redis.Addr(), "n1")
	d := newSale("lost", 10)
	open(t, direct, d)
	p := startProxy(t, redis.Addr())
	var resent atomic.Int64
	s, _ := hooked(t, p.addr(), remotestock.Hooks{Resent: func(n int) { resent.Add(int64(n)) }},
		func(c *remotestock.Config) { c.TripAfter, c.Patience = 100, 20*time.Second })
	c := committer(t, s, d.ID)
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
	redis := processtest.Redis(t)
	direct, plain := newStore(t, redis.Addr(), "n1")
	open(t, direct, newSale("once", 10))
	p := startProxy(t, redis.Addr())
	s, _ := newStore(t, p.addr(), "n1", func(c *remotestock.Config) { c.TripAfter, c.Patience = 1000, time.Millisecond })
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
				want := 1
				if cut == 0 && (name == "restock" || name == "close") {
					want = 2 // the second announces it
				}
				if !strings.Contains(stats, fmt.Sprintf("cmdstat_evalsha:calls=%d,", want)) || strings.Contains(stats, "cmdstat_eval:") {
					t.Errorf("%d replies cut: got %s, want %d evalsha", cut, stats, want)
				}
			}
		})
	}
}

// TestReplyOfAnotherShapeIsUnknown: whatever answers there, it is sent again
// under the same order id, and never taken for a decision.
func TestReplyOfAnotherShapeIsUnknown(t *testing.T) {
	t.Parallel()
	const one = "0123456789abcdef"
	for name, reply := range map[string]string{
		"a status":                       "+OK\r\n",
		"an integer":                     ":1\r\n",
		"nothing":                        "$-1\r\n",
		"no elements":                    "*0\r\n",
		"a name without its value":       raw("now"),
		"a number for a name":            raw(1, 2),
		"a short header":                 raw("now", 1000, "remaining", 5),
		"a header without its link":      raw("now", 1000, "remaining", 5, "stock", 1, "plan", 0, "epoch", 1, "seq", 1, "outcomes", "s", "details", []any{}, "hold", 1),
		"text in the header":             strings.Replace(headed("outcomes", "s", "details", []any{}, "hold", 1), ":5", "$1\r\n5", 1),
		"negative stock":                 strings.Replace(headed("outcomes", "s", "details", []any{}, "hold", 1), ":5", ":-5", 1),
		"no results":                     headed("details", []any{}, "hold", 1),
		"a result too many":              headed("outcomes", "ss", "details", []any{}, "hold", 1),
		"a result too few":               headed("outcomes", "", "details", []any{}, "hold", 1),
		"no details":                     headed("outcomes", "s", "hold", 1),
		"no hold time":                   headed("outcomes", "h", "details", []any{}),
		"an outcome without its detail":  headed("outcomes", "k", "details", []any{}, "hold", 1),
		"an unknown outcome":             headed("outcomes", "z", "details", []any{}, "hold", 1),
		"outcomes that are a number":     headed("outcomes", 1, "details", []any{}, "hold", 1),
		"a record of garbage":            headed("outcomes", "k", "details", []any{"garbage"}, "hold", 1),
		"a record in no known state":     headed("outcomes", "o", "details", []any{"ann\n" + one + "x" + one[:13]}, "hold", 1),
		"a record that is a number":      headed("outcomes", "k", "details", []any{1}, "hold", 1),
		"an error that no script raises": "-ERR something strange\r\n",
		"another protocol":               "HTTP/1.1 400 Bad Request\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var ids []string
			f := startFake(t, func(args []string) string {
				mu.Lock()
				ids = append(ids, args[ownArguments-2])
				mu.Unlock()
				return reply
			})
			s, _ := newStore(t, f.addr(), "n1", func(c *remotestock.Config) { c.TripAfter, c.Patience = 1000, time.Second })
			c := committer(t, s, "s")
			mine := claim("ann", 1)
			got, err := c.Decide(mine)
			if !errors.Is(err, sale.ErrUnknown) || errors.Is(err, sale.ErrUnavailable) || got.Outcome != sale.NoOutcome {
				t.Errorf("got %v, %v, want ErrUnknown", got.Outcome, err)
			}
			if len(ids) < 2 {
				t.Errorf("got %d sendings, want the claim sent again", len(ids))
			}
			for _, id := range ids {
				if id != remotestock.EncodeID(mine.Order) {
					t.Errorf("got it sent as %x, want %s each time", id, mine.Order)
				}
			}
		})
	}
}

// TestReadsOfAnotherShapeAreErrors: no call may take garbage for news.
func TestReadsOfAnotherShapeAreErrors(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, reply := range []string{
		"+OK\r\n", "*0\r\n", headed(), headed("outcome", "what", "total", "x", "sale", "x", "shares", 1),
	} {
		t.Run(strconv.Quote(reply), func(t *testing.T) {
			f := startFake(t, func([]string) string { return reply })
			s, _ := newStore(t, f.addr(), "n1", func(c *remotestock.Config) { c.TripAfter, c.Patience = 1000, 200*time.Millisecond })
			errs := map[string]error{}
			_, _, errs["read"] = s.Read(ctx, "s", 0)
			_, errs["survey"] = s.Survey(ctx, "s")
			_, errs["refill"] = s.Refill(ctx, "s", 0, 100, 1, 1, 1)
			_, _, _, errs["expire"] = s.Expire(ctx, "s", 0, 1)
			_, _, errs["cancel"] = s.Cancel(ctx, "s", 0, claim("ann", 1).Order, "ann")
			_, errs["refund"] = s.Refund(ctx, "s", claim("ann", 1).Order)
			_, _, errs["pay"] = s.Pay(ctx, "s", 0, payment("p1", "o", 1))
			_, errs["settle"] = s.Settle(ctx, "s", "p1")
			_, errs["find"] = s.Order(ctx, "s", claim("ann", 1).Order)
			_, errs["page"] = s.Page(ctx, "s", "", 1)
			_, errs["snapshot"] = s.Snapshot(ctx, "s")
			_, errs["plan"] = s.WritePlan(ctx, "s", 1, 1, []sale.Share{{Node: "n1"}})
			_, errs["restock"] = s.Restock(ctx, "s", 1, "k")
			_, errs["open"] = s.Open(ctx, newSale("s", 1))
			for name, err := range errs {
				if err == nil {
					t.Errorf("%s on %q: got no error", name, reply)
				}
			}
		})
	}
}

// The first call may have made the hold, and its buyer got "nothing was ordered" because the
// sale was shut at the second.
func TestAClaimStaysUnknownWhenTheSaleIsShut(t *testing.T) {
	for name, test := range map[string]struct {
		first string
		want  error
	}{
		"its first call may have run":  {"-TORN between two writes\r\n", sale.ErrUnknown},
		"no call of it can have run":   {"-LOST a test\r\n", sale.ErrUnavailable},
		"its first call is proved not": {"-BUSY a script runs\r\n", sale.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			var sendings atomic.Int64
			f := startFake(t, func([]string) string {
				if sendings.Add(1) == 1 {
					return test.first
				}
				return "-LOST a test\r\n"
			})
			s, _ := hooked(t, f.addr(), remotestock.Hooks{}, patience(5*time.Second))
			begun := time.Now()
			_, err := committer(t, s, "s").Decide(claim("ann", 1))
			if !errors.Is(err, test.want) || errors.Is(err, sale.ErrUnknown) && errors.Is(err, sale.ErrUnavailable) {
				t.Errorf("got %v, want %v alone", err, test.want)
			}
			if took := time.Since(begun); sendings.Load() > 2 || took > 3*time.Second {
				t.Errorf("got %d sendings in %v, want none to a sale that is shut", sendings.Load(), took)
			}
		})
	}
}

// A read has no outcome that could be unknown: operators got that the change may have been made.
func TestASurveyWhoseReplyIsLostChangedNothing(t *testing.T) {
	redis := processtest.Redis(t)
	direct, _ := newStore(t, redis.Addr(), "n1")
	open(t, direct, newSale("s", 10))
	p := startProxy(t, redis.Addr())
	s, _ := hooked(t, p.addr(), remotestock.Hooks{})
	if _, err := s.Survey(t.Context(), "s"); err != nil { // the script is cached from here on
		t.Fatal(err)
	}
	p.cuts.Store(1)
	if _, err := s.Survey(t.Context(), "s"); !errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrUnknown) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	if _, err := s.Survey(t.Context(), "none"); !errors.Is(err, sale.ErrNoSale) {
		t.Errorf("got %v, want ErrNoSale", err)
	}
}
