package lease

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"onsale/internal/testbed/process"
	"onsale/internal/testbed/process/processtest"
)

// testTTL keeps the tests short; everything else is derived from it.
const testTTL = 500 * time.Millisecond

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startRedis starts a private server that forgets all when it is killed.
func startRedis(t *testing.T) *process.Redis {
	t.Helper()
	return processtest.Redis(t, "--appendonly", "no")
}

func clientOf(t *testing.T, r *process.Redis) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{
		Addr: r.Addr(), MaxRetries: -1, ContextTimeoutEnabled: true, DialTimeout: testTTL / 3,
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
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
