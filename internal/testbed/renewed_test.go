package testbed_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/testbed"
	"onsale/internal/testbed/await"
)

// A node has acknowledged a hold, and the sale is reconciled without it, as where an old master
// granted it after the nodes had been asked.
func TestANodeMissesItsHoldAfterAReconciliation(t *testing.T) {
	s := start(t, testbed.Options{Nodes: 1, Allocators: 1})
	s.open(t, 10, time.Minute)
	if got := s.buy(t, "ann"); got.status != http.StatusCreated {
		t.Fatalf("got %+v, want 201", got)
	}
	client, keys := s.dial(t), remotestock.Keys("demo")
	if _, err := client.TxPipelined(s.ctx, func(p redis.Pipeliner) error {
		p.HSet(s.ctx, keys[0], "epoch", 2, "base", 1_000_000)
		p.Del(s.ctx, keys[3]) // the orders
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	lost := func() string { return client.HGet(s.ctx, keys[0], "lost").Val() }
	await.Within(t, 15*time.Second, "the sale to be shut", func() bool { return lost() != "" })
	if got := lost(); !strings.Contains(got, "1 holds that a node acknowledged are missing") {
		t.Errorf("got it shut for %q, want for the hold", got)
	}
}
