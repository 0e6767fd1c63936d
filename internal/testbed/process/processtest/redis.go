// Package processtest starts servers that live as long as a test.
package processtest

import (
	"context"
	"testing"

	"onsale/internal/testbed/process"
)

// Redis starts a server that the test may torment.
func Redis(t testing.TB, args ...string) *process.Redis {
	t.Helper()
	return ended(t)(process.StartRedis(context.Background(), t.TempDir(), args...))
}

// RedisByClock starts a server whose clock can be set.
func RedisByClock(t testing.TB) *process.Redis {
	t.Helper()
	return ended(t)(process.StartRedisByClock(context.Background(), t.TempDir()))
}

// ended has what was started end with the test.
func ended(t testing.TB) func(*process.Redis, error) *process.Redis {
	return func(r *process.Redis, err error) *process.Redis {
		t.Helper()
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
}
