package allocator

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/app/gossip"

	"github.com/alicebob/miniredis/v2"
	"go.uber.org/zap"
)

// An allocator was ready with Redis away for ten minutes, and while it could not write Nginx's upstream.
func TestAnAllocatorIsReadyWhileItCanDoItsWork(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("sixteen bytes of secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	redis := miniredis.RunT(t)
	folder := filepath.Join(dir, "site")
	a, err := New(Config{
		Name: "a", Admin: "127.0.0.1:0", TokenFile: token, Tolerate: -1, Upstream: filepath.Join(folder, "upstream.conf"),
		Redis: app.RedisFlags{Addrs: []string{redis.Addr()}}, Gossip: gossip.Flags{Bind: "127.0.0.1:0"},
	}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	eventually := func(what string, want bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); a.Ready() != want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("got ready %v %s, want %v", !want, what, want)
			}
		}
	}
	time.Sleep(time.Second)
	if a.Ready() {
		t.Error("got an allocator that is ready without the upstream's folder")
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	eventually("with folder and Redis", true)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	eventually("without the folder", false)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	eventually("with the folder back", true)
	redis.Close()
	eventually("without Redis", false)
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually("with Redis back", true)
}
