package jwks_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/testbed/await"
	"onsale/internal/token"
	"onsale/internal/token/jwks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// key is one of an identity provider.
type key struct {
	id      string
	private *ecdsa.PrivateKey
}

func newKey(t testing.TB, id string) key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, private}
}

// token is one of alice.
func (k key) token(t testing.TB) string { return k.tokenOf(t, k.id) }

// tokenOf has the key id that it is given.
func (k key) tokenOf(t testing.TB, id string) string {
	t.Helper()
	text := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"sub": "alice", "aud": "onsale", "exp": time.Now().Add(24 * time.Hour).Unix()})
	text.Header["kid"] = id
	signed, err := text.SignedString(k.private)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// set is what a provider publishes.
func set(t testing.TB, keys ...key) []byte {
	t.Helper()
	published := []map[string]string{}
	for _, k := range keys {
		point, err := k.private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		published = append(published, map[string]string{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": k.id,
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:])})
	}
	raw, err := json.Marshal(map[string]any{"keys": published})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// provider is the address of an identity provider. What it answers can be changed.
type provider struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func newProvider(t testing.TB, answer http.HandlerFunc) *provider {
	t.Helper()
	p := &provider{}
	p.answer.Store(&answer)
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked.Add(1)
	(*p.answer.Load())(w, r)
}

func (p *provider) answers(answer http.HandlerFunc) { p.answer.Store(&answer) }

// publishes answers with the set.
func publishes(set []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }
}

// quick asks as often as a test can wait for.
func quick(address string) jwks.Config {
	c := jwks.DefaultConfig(address)
	c.Refresh, c.Refetch, c.Timeout = 20*time.Millisecond, 10*time.Millisecond, 5*time.Second
	return c
}

// running is a source that runs until the test ends, and its verifier.
type running struct {
	*jwks.Source
	*token.Verifier
	logs *observer.ObservedLogs
	// results counts requests that were good and that failed.
	good, failed atomic.Int64
}

func run(t testing.TB, c jwks.Config) *running {
	t.Helper()
	r := prepare(t, c)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Source.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := await.Return(t, ended); err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
	})
	return r
}

// prepare makes a source that does not run.
func prepare(t testing.TB, c jwks.Config) *running {
	t.Helper()
	v, err := token.NewVerifier(nil, token.Config{Audiences: []string{"onsale"}, Remember: 100})
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	r := &running{Verifier: v, logs: logs}
	hooks := jwks.Hooks{Asked: func(err error) {
		if err != nil {
			r.failed.Add(1)
		} else {
			r.good.Add(1)
		}
	}}
	if r.Source, err = jwks.New(c, v, hooks, zap.New(core)); err != nil {
		t.Fatal(err)
	}
	v.SetHooks(token.Hooks{Unknown: r.Source.Unknown})
	return r
}

// accepts reports whether the token is good now.
func (r *running) accepts(text string) bool {
	buyer, err := r.Verify(text, time.Now())
	return err == nil && buyer == "alice"
}

// lines are how often a line with this beginning was logged.
func (r *running) lines(message string) (n int) {
	for _, l := range r.logs.All() {
		if len(l.Message) >= len(message) && l.Message[:len(message)] == message {
			n++
		}
	}
	return n
}

// cannot begins the line of an address without a good answer.
const cannot = "can't read the identity provider's keys"
