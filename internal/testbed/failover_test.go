package testbed_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// The client of a Redis Cluster keeps its map of the slots for a minute, and nodes
// went on dialling a dead master for as long, ready all the while.
func TestNodesFollowAPromotionInARedisCluster(t *testing.T) {
	t.Parallel()
	s := start(t, testbed.Options{
		Nodes: 2, Allocators: 1, Topology: testbed.Sharded,
		// The other masters go on without the dead one's slots, and report that in no answer.
		RedisArgs: []string{"--cluster-require-full-coverage", "no"},
	})
	s.open(t, 1_000_000, time.Minute)
	key := remotestock.Keys("demo")[0]
	master, err := s.Shards.MasterOf(s.ctx, key, s.Shards.Nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.Shards.MasterOf(s.ctx, "onsale:sales", master); err != nil || list == master {
		t.Fatalf("got %v, %v for the list of sales, want another master than the sale's", list, err)
	}
	replica := s.Shards.Nodes[3]
	for i, r := range s.Shards.Nodes[:3] {
		if r == master {
			replica = s.Shards.Nodes[3+i]
		}
	}
	var acked, last atomic.Int64
	visit := func(a answer, err error) {
		if err == nil && a.status == http.StatusCreated {
			acked.Add(1)
			last.Store(time.Now().UnixNano())
		}
	}
	stop := s.buyers(t, visit)
	await.Within(t, 10*time.Second, "tickets sell", func() bool { return acked.Load() > 200 })
	stop()

	// A replica that lacks a hold would be a loss, and the sale would be shut. Nobody is promoted while the replica stands still.
	if err := s.Shards.AwaitReplica(s.ctx, master, replica); err != nil {
		t.Fatal(err)
	}
	if err := replica.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := master.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, n := range s.Nodes {
		await.Within(t, 5*time.Second, n.Name+" is unready", func() bool { return !ready(n) })
	}
	stop = s.buyers(t, visit)
	if err := replica.Resume(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.ctx, 20*time.Second)
	defer cancel()
	if _, err := s.Shards.AwaitPromotion(ctx, key, master); err != nil {
		t.Fatal(err)
	}
	promoted := time.Now()
	await.Within(t, 20*time.Second, "tickets sell again", func() bool { return last.Load() > promoted.UnixNano() })
	took := time.Since(promoted)
	t.Logf("the first hold came %v after the promotion", took)
	if took > time.Second {
		t.Errorf("got the first hold %v after the promotion, want it within a second", took)
	}
	for _, n := range s.Nodes {
		await.Within(t, 5*time.Second, n.Name+" is ready again", func() bool { return ready(n) })
	}
	stop()
}
