package node

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/app"
	"onsale/internal/app/gossip"
	"onsale/internal/remotestock"
)

// keySet is a JSON Web Key Set of one symmetric key.
const keySet = `{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"c2l4dGVlbiBieXRlcyBhbmQgc2l4dGVlbiBtb3JlLi4"}]}`

// A call that waits for a connection in vain is refused, and its claims with it.
func TestEveryCallHasAConnection(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(keySet), 0o600); err != nil {
		t.Fatal(err)
	}
	few := remotestock.DefaultConfig("").Pool
	for name, test := range map[string]struct{ calls, least, most int }{
		"few calls share the usual pool":            {2, few, few},
		"many have one each, and leave room beside": {256, 256 + 8, 256 + 64},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := New(Config{
				Name: "n1", Listen: "127.0.0.1:8081", Weight: 1,
				Identity: IdentityFlags{TokenKeys: keys, Audiences: []string{"onsale"}}, Batch: 1, Calls: test.calls,
				Redis: app.RedisFlags{Addrs: []string{"127.0.0.1:6379"}}, Gossip: gossip.Flags{Bind: "127.0.0.1:7946"},
			}, zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			defer n.client.Close()
			if got := n.client.(*redis.Client).Options().PoolSize; got < test.least || got > test.most {
				t.Errorf("got a pool of %d, want %d to %d", got, test.least, test.most)
			}
		})
	}
}

// A node logged that it is up, and then that its gossip port is taken.
func TestANodeIsUpOnceItHasItsPorts(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(keys, []byte(keySet), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	core, logs := observer.New(zap.InfoLevel)
	n, err := New(Config{
		Name: "n1", Listen: "127.0.0.1:0", Advertise: "127.0.0.1:9", Admin: "127.0.0.1:0", Weight: 1, Identity: IdentityFlags{TokenKeys: keys, Audiences: []string{"onsale"}}, Batch: 1, Calls: 1,
		Redis: app.RedisFlags{Addrs: []string{miniredis.RunT(t).Addr()}}, Gossip: gossip.Flags{Bind: taken.Addr().String()},
	}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "gossip on "+taken.Addr().String()) {
		t.Errorf("got %v, want an error that names the port", err)
	}
	for _, line := range logs.All() {
		if strings.Contains(line.Message, "is up") || strings.Contains(line.Message, "ready") {
			t.Errorf("got the line %q of a node that never was", line.Message)
		}
	}
}
