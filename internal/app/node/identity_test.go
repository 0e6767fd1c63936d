package node

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/zap"

	"onsale/internal/app"
	"onsale/internal/app/gossip"
	"onsale/internal/testbed/await"
)

func TestANodeWithoutKeysWaitsForThem(t *testing.T) {
	p := providers(t)[2]
	var there atomic.Bool
	address := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !there.Load() {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(p.jwks(t))
	}))
	defer address.Close()
	config := Config{
		Name: "n1", Listen: "127.0.0.1:0", Advertise: "127.0.0.1:9", Admin: "127.0.0.1:0", Weight: 1, Batch: 1, Calls: 1,
		Identity: IdentityFlags{URL: address.URL, Refresh: time.Minute, Copy: filepath.Join(t.TempDir(), "jwks.json"), Audiences: []string{"onsale"}, Issuers: []string{"https://login.example.com/"}, Cache: 100},
		Redis:    app.RedisFlags{Addrs: []string{miniredis.RunT(t).Addr()}, AllowDataLoss: true}, Gossip: gossip.Flags{Bind: "127.0.0.1:0"},
	}
	begin := func() (n *Node, stop func()) {
		n, err := New(config, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		return n, func() {
			cancel()
			if err := await.Return(t, ended); err != nil {
				t.Errorf("Run: got %v, want nil", err)
			}
		}
	}
	buyer := func(n *Node) error {
		text := jwt.NewWithClaims(p.method, jwt.MapClaims{"iss": "https://login.example.com/", "sub": "alice", "aud": "onsale", "exp": time.Now().Add(time.Hour).Unix()})
		text.Header["kid"] = "k"
		signed, err := text.SignedString(p.key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.buyers.Verify(signed, time.Now())
		return err
	}

	n, stop := begin()
	await.Until(t, "the node to miss its keys", func() bool {
		err := n.Unready()
		return err != nil && strings.Contains(err.Error(), "no keys for buyers' tokens: it answers 404")
	})
	if n.buyers.age() <= 0 || buyer(n) == nil {
		t.Error("got a buyer identified without keys")
	}
	stop() // while it waits

	n, stop = begin()
	there.Store(true)
	await.Until(t, "the node to sell", n.serving.Load)
	if err := buyer(n); err != nil {
		t.Errorf("got %v, want the buyer identified", err)
	}
	await.Until(t, "the copy to be written", func() bool { _, err := os.Stat(config.Identity.Copy); return err == nil })
	stop()

	there.Store(false)
	n, stop = begin()
	await.Until(t, "a node with a copy of the keys to sell", n.serving.Load)
	if err := buyer(n); err != nil {
		t.Errorf("got %v, want the buyer identified by the copy's keys", err)
	}
	stop()
}

func TestIdentityNeedsKeys(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]IdentityFlags{
		"give --token-keys, --jwks-url or both": {}, "--jwks-copy without --jwks-url": {TokenKeys: "keys", Copy: "copy"},
		"--identity-cache -1": {TokenKeys: "keys", Cache: -1}, "--identity-cache 99999999": {TokenKeys: "keys", Cache: 99999999},
	} {
		if err := f.AfterApply(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", f, err, want)
		}
	}
	for _, f := range []IdentityFlags{{TokenKeys: "keys"}, {URL: "https://h/"}, {TokenKeys: "keys", URL: "https://h/", Copy: "copy", Cache: 1}} {
		if err := f.AfterApply(); err != nil {
			t.Errorf("%+v: got %v", f, err)
		}
	}
}
