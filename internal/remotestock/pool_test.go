package remotestock_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// Calls that found no connection of our own free were counted as failures of Redis: five in a
// row opened the breaker, and a healthy Redis was refused to everybody.
func TestPoolTimeoutIsNoFailureOfRedis(t *testing.T) {
	ctx := context.Background()
	var changes []string
	s, client := hooked(t, server.Addr(), remotestock.Hooks{Breaker: func(state string) { changes = append(changes, state) }},
		func(c *remotestock.Config) { c.Pool, c.Call, c.Dial = 1, 200*time.Millisecond, 200*time.Millisecond })
	d := newSale("pool", 10)
	open(t, s, d)
	only := client.(*redis.Client).Conn()
	if err := only.Ping(ctx).Err(); err != nil { // it has the pool's one connection now
		t.Fatal(err)
	}
	for range 2 * int(remotestock.DefaultConfig("").TripAfter) {
		_, _, err := s.Read(ctx, d.ID, 0)
		if !errors.Is(err, redis.ErrPoolTimeout) || !errors.Is(err, sale.ErrUnavailable) || !errors.Is(err, sale.ErrUnreachable) {
			t.Fatalf("without a connection: got %v, want a pool timeout: unavailable, and no answer about the sale", err)
		}
	}
	if err := only.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Read(ctx, d.ID, 0); err != nil {
		t.Errorf("with one: got %v, want it read at once", err)
	}
	if len(changes) > 0 {
		t.Errorf("got the breaker %v, want it closed all the time", changes)
	}
}

// It was warned of at every listing, several times a second.
func TestForeignMemberIsWarnedOfOnce(t *testing.T) {
	ctx := context.Background()
	r := processtest.Redis(t)
	config := remotestock.DefaultConfig(r.Addr())
	client := dial(t, r.Addr(), config)
	core, logs := observer.New(zapcore.WarnLevel)
	s := remotestock.New(client, "n1", config, remotestock.Hooks{}, zap.New(core))
	for _, member := range []string{"Not A Sale", "nor this"} {
		if err := client.SAdd(ctx, "onsale:sales", member).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if ids, err := s.Sales(ctx); err != nil || len(ids) != 0 {
			t.Fatalf("got %v, %v, want no sales", ids, err)
		}
	}
	if got := logs.FilterMessageSnippet("ignoring a member").Len(); got != 2 {
		t.Errorf("got %d warnings of two members in three listings, want one each", got)
	}
}
