package lease

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/testbed/await"
)

func testName(client Client, log *zap.Logger) *Name {
	return newName(client, "", "node-1", "127.0.0.1:9081", testTTL, log)
}

// heldBy is the instance that holds the name in Redis; empty where none does,
// or where Redis does not answer.
func heldBy(t *testing.T, client *redis.Client, n *Name) string {
	t.Helper()
	held, err := client.HMGet(t.Context(), n.lease.key, "holder", "until").Result()
	if err != nil || held[0] == nil {
		return ""
	}
	until, err := strconv.ParseInt(held[1].(string), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if now, err := client.Time(t.Context()).Result(); err != nil || now.UnixMilli() >= until {
		return ""
	}
	return held[0].(string)
}

// give has another hold the name for a minute.
func give(t *testing.T, client *redis.Client, n *Name, another string) {
	t.Helper()
	until := time.Now().Add(time.Minute).UnixMilli() // this machine's clock is the server's
	if err := client.HSet(t.Context(), n.lease.key, "holder", another, "token", 1, "until", until).Err(); err != nil {
		t.Fatal(err)
	}
}

// acquired is a name that this instance holds; nobody renews it yet.
func acquired(t *testing.T, client Client, log *zap.Logger) *Name {
	t.Helper()
	n := testName(client, log)
	if err := n.Acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

// running renews n until the returned function is called, which returns what
// Run returned.
func running(t *testing.T, n *Name) (end func() error, done <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- n.Run(ctx) }()
	t.Cleanup(cancel)
	return func() error { cancel(); return await.Return(t, result) }, result
}

func TestNameIsHeldByOneInstance(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	first := acquired(t, client, zap.NewNop())
	end, _ := running(t, first)

	t.Run("a second one is refused while the first lives", func(t *testing.T) {
		begin := time.Now()
		err := testName(client, zap.NewNop()).Acquire(t.Context())
		if !errors.Is(err, ErrNameTaken) {
			t.Fatalf("got %v, want %v", err, ErrNameTaken)
		}
		if took := time.Since(begin); took < testTTL {
			t.Errorf("got a refusal after %v, want one after more than %v: a dead holder's lease lasts that long", took, testTTL)
		}
	})
	t.Run("another name is free", func(t *testing.T) {
		other := NewName(client, "", "node-2", "127.0.0.1:9082", zap.NewNop())
		if err := other.Acquire(t.Context()); err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
	t.Run("released, it is free at once", func(t *testing.T) {
		if err := end(); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
		if got := heldBy(t, client, first); got != "" {
			t.Errorf("got the name held by %q, want by nobody", got)
		}
		acquired(t, client, zap.NewNop())
	})
}

func TestNameOfAKilledInstanceIsFreeAfterItsTimeToLive(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	acquired(t, client, zap.NewNop()) // and never renewed or released: killed
	begin := time.Now()
	acquired(t, client, zap.NewNop())
	if took := time.Since(begin); took < testTTL/2 {
		t.Errorf("got the name after %v, want it after the dead instance's lease has ended", took)
	}
}

func TestNameOfAPausedInstance(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))

	t.Run("taken by another, is lost", func(t *testing.T) {
		paused := acquired(t, client, zap.NewNop())
		other := acquired(t, client, zap.NewNop()) // waits until the paused one's lease ends
		endOther, _ := running(t, other)
		_, done := running(t, paused)
		if err := await.Return(t, done); !errors.Is(err, ErrNameLost) {
			t.Errorf("got %v, want %v", err, ErrNameLost)
		}
		if got := heldBy(t, client, other); got != other.lease.holder {
			t.Errorf("got the name held by %q, want by the other, %q", got, other.lease.holder)
		}
		if err := endOther(); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
	})
	t.Run("lapsed but free, is taken again", func(t *testing.T) {
		paused := acquired(t, client, zap.NewNop())
		if err := client.Del(t.Context(), paused.lease.key).Err(); err != nil {
			t.Fatal(err)
		}
		end, _ := running(t, paused)
		await.Within(t, 5*time.Second, "the name back", func() bool {
			return heldBy(t, client, paused) == paused.lease.holder
		})
		if err := end(); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
	})
	t.Run("stopped after it was lost, leaves the other's alone", func(t *testing.T) {
		paused := acquired(t, client, zap.NewNop())
		give(t, client, paused, "another")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := paused.Run(ctx); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
		if got := heldBy(t, client, paused); got != "another" {
			t.Errorf("got the name held by %q, want by another", got)
		}
	})
}

func TestNameIsRenewedForAsLongAsItRuns(t *testing.T) {
	t.Parallel()
	client := clientOf(t, startRedis(t))
	n := acquired(t, client, zap.NewNop())
	end, done := running(t, n)
	look := time.NewTicker(testTTL / 50)
	defer look.Stop()
	for lapse := time.Now().Add(4 * testTTL); time.Now().Before(lapse); {
		select {
		case <-look.C:
		case err := <-done:
			t.Fatalf("got %v, want a renewal", err)
		}
		if got := heldBy(t, client, n); got != n.lease.holder {
			t.Fatalf("got the name held by %q, want by %q all the time", got, n.lease.holder)
		}
	}
	if err := end(); err != nil {
		t.Fatalf("got %v, want nil", err)
	}
}

func TestNameOutlivesARedisThatRestartsWithoutData(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	client := clientOf(t, server)
	core, logs := observer.New(zapcore.DebugLevel)
	n := acquired(t, client, zap.New(core))
	end, done := running(t, n)

	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 5*time.Second, "the outage logged", func() bool { return logs.Len() > 0 })
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.Within(t, 5*time.Second, "the name back", func() bool {
		select {
		case err := <-done:
			t.Fatalf("got %v, want Run to go on", err)
		default:
		}
		return heldBy(t, client, n) == n.lease.holder
	})
	await.Within(t, 5*time.Second, "the recovery logged", func() bool {
		return logs.FilterMessage("node name can be renewed again").Len() == 1
	})
	if err := end(); err != nil {
		t.Fatalf("got %v, want nil", err)
	}
	if got := logs.FilterMessage("node name can't be renewed; trying on").Len(); got != 1 {
		t.Errorf("got %d lines about the outage, want 1", got)
	}
}

func TestAcquireWaitsForRedis(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	client := clientOf(t, server)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zapcore.DebugLevel)
	n := testName(client, zap.New(core))

	ctx, cancel := context.WithTimeout(t.Context(), testTTL)
	defer cancel()
	if err := n.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want %v: an outage must not look like a taken name", err, context.DeadlineExceeded)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.Acquire(t.Context()); err != nil {
		t.Fatalf("got %v, want nil", err)
	}
	// It logged that the name can't be renewed, although nobody had taken it.
	var got []string
	for _, line := range logs.All() {
		got = append(got, line.Message)
	}
	want := []string{"Redis does not answer, so the node name can't be taken yet; trying on", "Redis answers, so the node name can be asked for"}
	if !slices.Equal(got, want) {
		t.Errorf("got the lines %q, want %q", got, want)
	}
}
