package lease

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"onsale/internal/testbed/process"
)

// testTTL keeps the tests short; everything else is derived from it.
const testTTL = 500 * time.Millisecond

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startRedis starts a private server that forgets all when it is killed.
func startRedis(t *testing.T) *process.Redis {
	t.Helper()
	r, err := process.StartRedis(context.Background(), t.TempDir(), "--appendonly", "no")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Kill(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func clientOf(t *testing.T, r *process.Redis) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr: r.Addr(), MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: testTTL / 3,
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// eventually polls until ok holds: a real server has no clock that a test could turn.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) && !ok() {
				t.Fatalf("got no such state within %v, want %s", within, what)
			}
			return
		}
	}
}

// ended is what a Run returned. One that never returns fails the test in place
// of the whole binary, minutes later.
func ended(t testing.TB, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("got a Run that goes on, want it to return")
		return nil
	}
}

func wantMembers(t *testing.T, r *Registry, want map[string]string) {
	t.Helper()
	got, err := r.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("members (-want +got):\n%s", diff)
	}
}
