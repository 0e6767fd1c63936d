package process_test

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"

	"onsale/internal/testbed/process"
)

// The child writes into the server's folder, which a test removes next.
func TestKillOfRedisEndsTheChildThatRewritesItsLog(t *testing.T) {
	ctx := context.Background()
	r, err := process.StartRedis(ctx, t.TempDir(), "--rdb-key-save-delay", "1000000") // a second for each key
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: r.Addr()})
	defer client.Close()
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		if err := client.Set(ctx, key, "", 0).Err(); err != nil {
			t.Fatal(errors.Join(err, r.Kill()))
		}
	}
	if err := client.BgRewriteAOF(ctx).Err(); err != nil {
		t.Fatal(errors.Join(err, r.Kill()))
	}
	if err := r.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(-r.Pid(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("got %v, want no process of the group left", err)
	}
}
