package allocator

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/app/gossip"
	"onsale/internal/testbed/await"

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
	unready := func() bool { return !a.Ready() }
	time.Sleep(time.Second)
	if a.Ready() {
		t.Error("got an allocator that is ready without the upstream's folder")
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "ready with folder and Redis", a.Ready)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "unready without the folder", unready)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "ready with the folder back", a.Ready)
	redis.Close()
	await.Until(t, "unready without Redis", unready)
	if err := redis.Restart(); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "ready with Redis back", a.Ready)
}
