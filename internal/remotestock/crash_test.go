package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process/processtest"
)

// TestKillOfRedisLosesNoHold kills Redis again and again under claims in
// flight. Every claim is decided once: what was acknowledged survives, what was
// refused as never sent is not there, and nothing is there twice.
func TestKillOfRedisLosesNoHold(t *testing.T) {
	const buyers, rounds, kills = 32, 400, 3
	ctx := context.Background()
	redis := processtest.Redis(t)
	s, _ := newStore(t, redis.Addr(), "n1", patience(time.Minute))
	d := newSale("killed", buyers*rounds)
	open(t, s, d)
	c := committer(t, s, d.ID)

	var mu sync.Mutex
	answers := map[sale.OrderID]decided{}
	var held atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	for b := range buyers {
		group.Go(func() {
			for n := range rounds {
				select {
				case <-stop:
					return
				default:
				}
				mine := claim(fmt.Sprintf("buyer-%d-%d", b, n), 1)
				got, err := c.Decide(mine)
				mu.Lock()
				answers[mine.Order] = decided{claim: mine, decision: got, err: err}
				mu.Unlock()
				if err == nil {
					held.Add(1)
				} else {
					time.Sleep(5 * time.Millisecond) // Redis is away: no use to burn the rounds
				}
			}
		})
	}
	for n := range kills {
		want := held.Load() + 50
		await.Until(t, "sold some more", func() bool { return held.Load() >= want })
		if err := redis.Kill(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(n) * 20 * time.Millisecond)
		if err := redis.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	want := held.Load() + 50
	await.Until(t, "sold after the last restart", func() bool { return held.Load() >= want })
	close(stop)
	group.Wait()

	audit := wantClean(t, s, d.ID)
	for id, a := range answers {
		order, sold := audit.Orders[id]
		switch {
		case a.err == nil && a.decision.Outcome != sale.Held && a.decision.Outcome != sale.Replayed:
			t.Errorf("order %s: got %v, want held or replayed", id, a.decision.Outcome)
		case a.err == nil && (!sold || order.Buyer != a.claim.Buyer):
			t.Errorf("order %s was acknowledged, but Redis has %+v", id, order)
		case a.err != nil && !errors.Is(a.err, sale.ErrUnavailable):
			t.Errorf("order %s: got %v, want a decision within the patience", id, a.err)
		case a.err != nil && sold:
			t.Errorf("order %s was refused as never run (%v), but Redis has it", id, a.err)
		}
	}
	if got := audit.Sold(); got != held.Load() {
		t.Errorf("got %d tickets sold, want the %d acknowledged", got, held.Load())
	}
}

// stall stops Redis and has one claim time out: it may have run.
func stall(t *testing.T, c *remotestock.Committer, resent *atomic.Int64, signal func(syscall.Signal) error) (sale.Claim, <-chan decided) {
	t.Helper()
	if err := signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	mine := claim("ann", 2)
	answer := decide(c, mine)
	await.Until(t, "the claim sent again", func() bool { return resent.Load() > 0 })
	return mine, answer
}

// stalled makes a store whose calls soon time out, and a sale.
func stalled(t *testing.T, addr string, trip uint32, patience time.Duration) (*remotestock.Store, *atomic.Int64, sale.Sale) {
	t.Helper()
	resent := &atomic.Int64{}
	s, _ := hooked(t, addr, remotestock.Hooks{Resent: func(n int) { resent.Add(int64(n)) }}, func(c *remotestock.Config) {
		c.Call, c.Dial, c.TripAfter, c.Patience = 200*time.Millisecond, 200*time.Millisecond, trip, patience
	})
	d := newSale("stalled", 10)
	await.Until(t, "opened", func() bool { _, err := s.Open(context.Background(), d); return err == nil })
	await.Until(t, "warm", func() bool { // the script and a connection are there
		_, err := s.Committer(d.ID, watcher{}, remotestock.DefaultCommitConfig()).Decide(claim("warm", 1))
		return err == nil
	})
	resent.Store(0)
	return s, resent, d
}

func TestStalledCallIsDecidedOnceRedisGoesOn(t *testing.T) {
	redis := processtest.Redis(t)
	s, resent, d := stalled(t, redis.Addr(), 1000, time.Minute)
	c := committer(t, s, d.ID)
	mine, answer := stall(t, c, resent, redis.Signal)
	again := resent.Load()
	await.Until(t, "sent again and again", func() bool { return resent.Load() > again+1 })
	if err := redis.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	got := <-answer
	if got.err != nil || got.decision.Order.ID != mine.Order || got.decision.Order.State != sale.StateHeld {
		t.Fatalf("got %+v, %v, want the claim's own hold", got.decision, got.err)
	}
	if audit := wantClean(t, s, d.ID); audit.Sold() != 3 || len(audit.Orders) != 2 {
		t.Errorf("got %d tickets in %d orders, want 3 in 2", audit.Sold(), len(audit.Orders))
	}
}

// TestRestartAfterThePatience: what may have run is unknown to the end, what was
// never sent is refused at once; both are distinguished though Redis is equally dead.
func TestRestartAfterThePatience(t *testing.T) {
	t.Parallel()
	redis := processtest.Redis(t)
	s, resent, d := stalled(t, redis.Addr(), 1000, 2*time.Second)
	c := committer(t, s, d.ID)
	mine, answer := stall(t, c, resent, redis.Signal)
	if err := redis.Kill(); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "connections are refused", func() bool {
		got := <-decide(committer(t, s, d.ID), claim("bob", 1))
		if got.err == nil {
			t.Fatalf("got %v of a dead Redis", got.decision.Outcome)
		}
		return errors.Is(got.err, sale.ErrUnavailable) && !errors.Is(got.err, sale.ErrUnknown)
	})
	if got := <-answer; !errors.Is(got.err, sale.ErrUnknown) || errors.Is(got.err, sale.ErrUnavailable) {
		t.Errorf("got %v, %v, want ErrUnknown", got.decision.Outcome, got.err)
	}
	if err := redis.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "sells again", func() bool { return (<-decide(c, claim("cid", 1))).err == nil })
	audit := wantClean(t, s, d.ID)
	if o, ok := audit.Orders[mine.Order]; ok && o.Quantity != 2 {
		t.Errorf("got %+v, want the whole hold or none", o)
	}
}

// TestOpenBreakerKnowsUnsentFromUnknown: claims that were never sent are
// refused at once, also behind one that keeps the only flight busy; the
// unknown one stays unknown.
func TestOpenBreakerKnowsUnsentFromUnknown(t *testing.T) {
	t.Parallel()
	redis := processtest.Redis(t)
	s, resent, d := stalled(t, redis.Addr(), 1, 4*time.Second)
	c := committer(t, s, d.ID, func(c *remotestock.CommitConfig) { c.Batch, c.Calls = 1, 1 })
	_, answer := stall(t, c, resent, redis.Signal)
	for range 5 {
		got := <-decide(c, claim("bob", 1))
		if !errors.Is(got.err, sale.ErrUnavailable) || errors.Is(got.err, sale.ErrUnknown) {
			t.Errorf("unsent: got %v, %v, want ErrUnavailable", got.decision.Outcome, got.err)
		}
		// A call may be trying whether Redis is back; past that it must be quick.
		if got.took > 2*time.Second {
			t.Errorf("unsent: got the answer after %v, want it fast", got.took)
		}
	}
	if got := <-answer; !errors.Is(got.err, sale.ErrUnknown) || errors.Is(got.err, sale.ErrUnavailable) {
		t.Errorf("sent: got %v, %v, want ErrUnknown", got.decision.Outcome, got.err)
	}
	if err := redis.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "sells again", func() bool { return (<-decide(c, claim("bob", 1))).err == nil })
	wantClean(t, s, d.ID)
}
