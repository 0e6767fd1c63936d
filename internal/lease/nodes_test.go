package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/testbed/await"
)

func TestNodesAreListedWhileTheyHoldTheirNames(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	nodes := Nodes(client, "")
	wantMembers(t, nodes, map[string]string{})
	n := acquired(t, client, zap.NewNop())
	wantMembers(t, nodes, map[string]string{"node-1": "127.0.0.1:9081"})

	t.Run("for as long as they run", func(t *testing.T) {
		end, _ := running(t, n)
		look := time.NewTicker(testTTL / 20)
		defer look.Stop()
		for lapse := time.Now().Add(3 * testTTL); time.Now().Before(lapse); {
			<-look.C
			wantMembers(t, nodes, map[string]string{"node-1": "127.0.0.1:9081"})
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		wantMembers(t, nodes, map[string]string{})
	})
	t.Run("killed, until their lease has ended", func(t *testing.T) {
		acquired(t, client, zap.NewNop()) // and never renewed
		wantMembers(t, nodes, map[string]string{"node-1": "127.0.0.1:9081"})
		await.Within(t, 5*time.Second, "the dead node gone", func() bool {
			members, err := nodes.Members(t.Context())
			return err == nil && len(members) == 0
		})
	})
	t.Run("and one that lost its name leaves its successor listed", func(t *testing.T) {
		old := acquired(t, client, zap.NewNop())
		give(t, client, old, "successor")
		if _, err := nodes.Member("node-1", "127.0.0.1:9999", time.Minute).Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := old.Run(ctx); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
		wantMembers(t, nodes, map[string]string{"node-1": "127.0.0.1:9999"})
	})
}

// The registry is for operators: a node that can't be listed sells all the same.
func TestNameIsHeldThoughTheRegistryFails(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	if err := client.Set(t.Context(), "onsale:registry:{nodes}", "of another type", 0).Err(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.WarnLevel)
	n := acquired(t, client, zap.New(core))
	if got := heldBy(t, client, n); got != n.lease.holder {
		t.Errorf("got the name held by %q, want by %q", got, n.lease.holder)
	}
	if got := logs.Len(); got != 1 {
		t.Errorf("got %d warnings, want 1", got)
	}
}

// Name and registration are renewed in one round trip. So one that has lost its name, and does not
// know it, writes over its successor's registration.
func TestWhoLostTheNameTakesBackItsRegistration(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	old := acquired(t, client, zap.NewNop())
	give(t, client, old, "successor")
	nodes := Nodes(client, "")
	if _, err := nodes.Member("node-1", "127.0.0.1:9999", time.Minute).Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := old.Run(t.Context()); !errors.Is(err, ErrNameLost) {
		t.Fatalf("got %v, want %v", err, ErrNameLost)
	}
	wantMembers(t, nodes, map[string]string{}) // until the successor's next renewal
}

// What a node renews every second is one round trip, also after Redis has forgotten the scripts.
func TestARenewalIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	n := acquired(t, client, zap.NewNop())
	if _, err := n.hold(t.Context()); err != nil { // a pipeline's first connection greets
		t.Fatal(err)
	}
	trips := &trips{}
	client.AddHook(trips)
	hold := func(what string, want int) {
		t.Helper()
		trips.made = 0
		if held, err := n.hold(t.Context()); err != nil || !held {
			t.Fatalf("%s: got %v, %v, want the name renewed", what, held, err)
		}
		if trips.made != want {
			t.Errorf("%s: got %d round trips, want %d", what, trips.made, want)
		}
		wantMembers(t, Nodes(client, ""), map[string]string{"node-1": "127.0.0.1:9081"})
	}
	hold("at rest", 1)
	if err := client.ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	hold("without the scripts", 5) // the try, and each script by digest and in full
	hold("with them again", 1)
}

// trips counts the round trips of a client.
type trips struct{ made int }

func (c *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.made++
		return next(ctx, cmd)
	}
}

func (c *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.made++
		return next(ctx, cmds)
	}
}
