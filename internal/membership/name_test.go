package membership

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// testTTL keeps the tests short; everything else is derived from it.
const testTTL = 500 * time.Millisecond

// redisServer is a private server that can be stopped and started again,
// without its data.
type redisServer struct {
	address string
	dir     string
	process *exec.Cmd
}

func startRedis(t *testing.T) *redisServer {
	t.Helper()
	s := &redisServer{address: freeAddress(t), dir: t.TempDir()}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

func (s *redisServer) start(t *testing.T) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatalf("redis-server is missing: apt-get install redis-server (%v)", err)
	}
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	s.process = exec.Command(binary, "--bind", host, "--port", port, "--dir", s.dir,
		"--save", "", "--appendonly", "no", "--logfile", filepath.Join(s.dir, "redis.log"))
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	client := s.client(t)
	eventually(t, 10*time.Second, "redis-server answering", func() bool {
		return client.Ping(t.Context()).Err() == nil
	})
}

func (s *redisServer) stop() {
	_ = s.process.Process.Kill() // fails when it was stopped before
	_ = s.process.Wait()
}

func (s *redisServer) client(t *testing.T) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr: s.address, MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: testTTL / 3,
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func testName(client redis.Scripter, log *zap.Logger) *Name {
	n := NewName(client, "node-1", log)
	n.ttl = testTTL
	return n
}

// acquired is a name that this instance holds; nobody renews it yet.
func acquired(t *testing.T, client redis.Scripter, log *zap.Logger) *Name {
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
	return func() error { cancel(); return ended(t, result) }, result
}

func TestNameIsHeldByOneInstance(t *testing.T) {
	t.Parallel()
	client := startRedis(t).client(t)
	first := acquired(t, client, zap.NewNop())
	end, _ := running(t, first)

	t.Run("a second one is refused while the first lives", func(t *testing.T) {
		begin := time.Now()
		err := testName(client, zap.NewNop()).Acquire(t.Context())
		if !errors.Is(err, ErrNameTaken) {
			t.Fatalf("got %v, want %v", err, ErrNameTaken)
		}
		if took := time.Since(begin); took < testTTL {
			t.Errorf("got a refusal after %v, want one after more than %v: a dead holder's key lives that long", took, testTTL)
		}
	})
	t.Run("another name is free", func(t *testing.T) {
		other := NewName(client, "node-2", zap.NewNop())
		if err := other.Acquire(t.Context()); err != nil {
			t.Errorf("got %v, want nil", err)
		}
	})
	t.Run("released, it is free at once", func(t *testing.T) {
		if err := end(); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
		if got := client.Exists(t.Context(), first.key).Val(); got != 0 {
			t.Errorf("got %d keys left, want 0", got)
		}
		acquired(t, client, zap.NewNop())
	})
}

func TestNameOfAKilledInstanceIsFreeAfterItsTimeToLive(t *testing.T) {
	t.Parallel()
	client := startRedis(t).client(t)
	acquired(t, client, zap.NewNop()) // and never renewed or released: killed
	begin := time.Now()
	acquired(t, client, zap.NewNop())
	if took := time.Since(begin); took < testTTL/2 {
		t.Errorf("got the name after %v, want it after the dead instance's key has lapsed", took)
	}
}

func TestNameOfAPausedInstance(t *testing.T) {
	t.Parallel()
	client := startRedis(t).client(t)

	t.Run("taken by another, is lost", func(t *testing.T) {
		paused := acquired(t, client, zap.NewNop())
		other := acquired(t, client, zap.NewNop()) // waits until the paused one's key lapses
		endOther, _ := running(t, other)
		_, done := running(t, paused)
		if err := ended(t, done); !errors.Is(err, ErrNameLost) {
			t.Errorf("got %v, want %v", err, ErrNameLost)
		}
		if got := client.Get(t.Context(), other.key).Val(); got != other.instance {
			t.Errorf("got the key held by %q, want by the other, %q", got, other.instance)
		}
		if err := endOther(); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
	})
	t.Run("lapsed but free, is taken again", func(t *testing.T) {
		paused := acquired(t, client, zap.NewNop())
		if err := client.Del(t.Context(), paused.key).Err(); err != nil {
			t.Fatal(err)
		}
		end, _ := running(t, paused)
		eventually(t, 5*time.Second, "the key back", func() bool {
			return client.Get(t.Context(), paused.key).Val() == paused.instance
		})
		if err := end(); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
	})
	t.Run("stopped after it was lost, leaves the other's key alone", func(t *testing.T) {
		paused := acquired(t, client, zap.NewNop())
		if err := client.Set(t.Context(), paused.key, "another", time.Minute).Err(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := paused.Run(ctx); err != nil {
			t.Fatalf("got %v, want nil", err)
		}
		if got := client.Get(t.Context(), paused.key).Val(); got != "another" {
			t.Errorf("got the key held by %q, want by another", got)
		}
	})
}

func TestNameIsRenewedForAsLongAsItRuns(t *testing.T) {
	t.Parallel()
	client := startRedis(t).client(t)
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
		if got := client.Get(t.Context(), n.key).Val(); got != n.instance {
			t.Fatalf("got the key held by %q, want by %q all the time", got, n.instance)
		}
	}
	if err := end(); err != nil {
		t.Fatalf("got %v, want nil", err)
	}
}

func TestNameOutlivesARedisThatRestartsWithoutData(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	client := server.client(t)
	core, logs := observer.New(zapcore.DebugLevel)
	n := acquired(t, client, zap.New(core))
	end, done := running(t, n)

	server.stop()
	eventually(t, 5*time.Second, "the outage logged", func() bool { return logs.Len() > 0 })
	server.start(t)
	eventually(t, 5*time.Second, "the name back", func() bool {
		select {
		case err := <-done:
			t.Fatalf("got %v, want Run to go on", err)
		default:
		}
		return client.Get(t.Context(), n.key).Val() == n.instance
	})
	eventually(t, 5*time.Second, "the recovery logged", func() bool {
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
	client := server.client(t)
	server.stop()
	core, logs := observer.New(zapcore.DebugLevel)
	n := testName(client, zap.New(core))

	ctx, cancel := context.WithTimeout(t.Context(), testTTL)
	defer cancel()
	if err := n.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want %v: an outage must not look like a taken name", err, context.DeadlineExceeded)
	}
	server.start(t)
	if err := n.Acquire(t.Context()); err != nil {
		t.Fatalf("got %v, want nil", err)
	}
	// It said that the name can't be renewed, which nobody had taken.
	var got []string
	for _, line := range logs.All() {
		got = append(got, line.Message)
	}
	want := []string{"Redis does not answer, so the node name can't be taken yet; trying on", "Redis answers, so the node name can be asked for"}
	if !slices.Equal(got, want) {
		t.Errorf("got the lines %q, want %q", got, want)
	}
}
