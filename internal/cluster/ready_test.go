package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	a, err := NewAllocator(AllocatorConfig{
		Name: "a", Admin: "127.0.0.1:0", TokenFile: token, Tolerate: -1, Upstream: filepath.Join(folder, "upstream.conf"),
		Redis: RedisFlags{Addrs: []string{redis.Addr()}}, Gossip: GossipFlags{Bind: "127.0.0.1:0"},
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

// A node found out that it has too few descriptors when the sale had begun.
func TestTooFewDescriptorsAreKnownAtTheStart(t *testing.T) {
	limit, err := openFiles()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := places(16, 0); err != nil || got != limit-besides(16) {
		t.Errorf("got %d places, %v, want what the limit of %d leaves", got, err, limit)
	}
	if got, err := places(16, 100); err != nil || got != 100 {
		t.Errorf("got %d places, %v, want the 100 that were asked for", got, err)
	}
	for name, err := range map[string]error{
		"a node":      func() error { _, err := places(16, limit); return err }(),
		"its command": checkFiles(limit, 0),
	} {
		if err == nil || !strings.Contains(err.Error(), "LimitNOFILE") {
			t.Errorf("%s: got %v, want an error that names what to raise", name, err)
		}
	}
}
