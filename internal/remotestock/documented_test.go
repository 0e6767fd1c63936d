package remotestock_test

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"onsale/internal/remotestock"
	"onsale/internal/testbed/process"
)

// The documented redis-server would not start, or served nobody: in protected mode without a
// password it refuses other machines.
func TestTheDocumentedRedisWorksAsPrinted(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\nredis-server ")
	line, _, ended := strings.Cut(strings.ReplaceAll(after, "\\\n", ""), "\n")
	if !found || !ended {
		t.Fatal("docs/operations.md starts no redis-server, want its command tried here")
	}
	port, err := process.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := process.Find("redis-server", "redis-server"); err != nil {
		t.Fatal(err)
	}
	// The shell reads it, as it reads a newcomer's; only the address is another one.
	line = strings.ReplaceAll(line, "10.0.0.1", "127.0.0.1")
	c := exec.Command("sh", "-c", "exec redis-server "+line+` --port "$PORT" --dir "$DIR"`)
	c.Env = append(os.Environ(), "ONSALE_REDIS_PASSWORD=a secret", "PORT="+strconv.Itoa(port), "DIR="+t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = c.Wait() // it was killed
	})

	config := remotestock.DefaultConfig(process.Loopback(port))
	dial := func(password string) (*remotestock.Store, redis.UniversalClient) {
		config.Password = password
		client, err := remotestock.Dial(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		return remotestock.New(client, "n1", config, remotestock.Hooks{}, zap.NewNop()), client
	}
	s, _ := dial("a secret")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		if err = s.Look(ctx); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it answers nobody: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if c := s.Condition(); len(c.Faults) > 0 || len(c.Unread) > 0 || s.Unfit() != nil {
		t.Errorf("got faults %v, unread %v, want none", c.Faults, c.Unread)
	}
	_, stranger := dial("")
	if err := stranger.Get(ctx, "k").Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("without the password: got %v, want Redis's NOAUTH", err)
	}
}
