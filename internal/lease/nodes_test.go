package lease

import (
	"context"
	"testing"
	"time"

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
