package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/await"
	"onsale/internal/testbed/process"
	"onsale/internal/testbed/process/processtest"
)

// go-redis asks a Redis Cluster once a minute which master serves which slot. It
// does not ask again after a call that it must not retry: it dialled a dead master
// for up to a minute after its replica had been promoted.
func TestPromotedReplicaSellsWithinASecond(t *testing.T) {
	t.Run("after a master that was killed", func(t *testing.T) {
		sellsAfter(t, time.Second, func(master *process.Redis) error { return master.Kill() })
	})
	t.Run("after a master that stands still", func(t *testing.T) {
		// A question about the slots may go to it, and wait for half a second.
		sellsAfter(t, 2*time.Second, func(master *process.Redis) error { return master.Pause() })
	})
}

// sellsAfter takes a sale's master away, and measures how long after the promotion of
// its replica the first claim is granted.
func sellsAfter(t *testing.T, limit time.Duration, take func(*process.Redis) error) {
	c := startCluster(t)
	s, _ := newStore(t, "", "n1", func(config *remotestock.Config) { config.Addrs, config.Cluster = c.Addrs(), true })
	open(t, s, newSale("demo", 1_000_000))
	key := remotestock.Keys("demo")[0]
	master, err := c.MasterOf(t.Context(), key, c.Nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	var last atomic.Int64 // when a claim was granted, in Unix nanoseconds
	stop := sellSteadily(t, committer(t, s, "demo"), &last)
	defer stop()
	await.Until(t, "tickets sell", func() bool { return last.Load() > 0 })
	if err := take(master); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := c.AwaitPromotion(ctx, key, master); err != nil {
		t.Fatal(err)
	}
	promoted := time.Now()
	await.Until(t, "tickets sell again", func() bool { return last.Load() > promoted.UnixNano() })
	took := time.Since(promoted)
	t.Logf("the first hold came %v after the promotion", took)
	if took > limit {
		t.Errorf("got the first hold %v after the promotion, want it within %v", took, limit)
	}
}

// sellSteadily has four clients claim one ticket after the other until stopped.
func sellSteadily(t *testing.T, c *remotestock.Committer, last *atomic.Int64) (stop func()) {
	t.Helper()
	var next atomic.Int64
	done := make(chan struct{})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			ticks := time.NewTicker(5 * time.Millisecond)
			defer ticks.Stop()
			for {
				select {
				case <-done:
					return
				case <-ticks.C:
				}
				if d, err := c.Decide(claim(fmt.Sprint("buyer-", next.Add(1)), 1)); err == nil && d.Outcome == sale.Held {
					last.Store(time.Now().UnixNano())
				}
			}
		})
	}
	return sync.OnceFunc(func() {
		close(done)
		group.Wait()
	})
}

// A node whose sale can't be reached leaves the upstream; one whose sale is broken
// does not.
func TestReadDistinguishesUnreachableFromBroken(t *testing.T) {
	r := processtest.Redis(t)
	s, client := newStore(t, r.Addr(), "n1")
	open(t, s, newSale("demo", 10))
	read := func(what string, unreachable bool) {
		t.Helper()
		_, _, err := s.Read(t.Context(), "demo", 0)
		if err == nil || errors.Is(err, sale.ErrUnreachable) != unreachable {
			t.Errorf("%s: got %v, want an error that is ErrUnreachable: %v", what, err, unreachable)
		}
	}
	if err := client.HSet(t.Context(), remotestock.Keys("demo")[0], "remaining", "many").Err(); err != nil {
		t.Fatal(err)
	}
	read("a counter that is no number", false)
	if err := client.Del(t.Context(), remotestock.Keys("demo")[0]).Err(); err != nil {
		t.Fatal(err)
	}
	read("a sale that is gone", false)
	if err := r.Pause(); err != nil {
		t.Fatal(err)
	}
	read("a server that stands still", true)
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	for range remotestock.DefaultConfig("").TripAfter {
		read("a server that is dead, and the breaker that opens", true)
	}
	read("an open breaker", true)
	f := startFake(t, func([]string) string { return "*1\r\n:1\r\n" })
	s, _ = newStore(t, f.addr(), "n1")
	read("a reply of another shape", false)
}
