package jwks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/token"
)

// Keys are what tokens are verified with.
type Keys interface {
	// Adopt has the keys of a published set count from now on, or returns an error and changes nothing.
	Adopt(published []byte) (token.Adopted, error)
	// Fingerprints name the keys that count, without revealing them.
	Fingerprints() []string
}

// Hooks are called while the source runs; nil fields are not called.
type Hooks struct {
	// Asked is called after each request, with what was wrong with it or its answer.
	Asked func(error)
}

// Source keeps the keys of an address.
type Source struct {
	config   Config
	keys     Keys
	hooks    Hooks
	client   *http.Client
	log      *zap.Logger
	failures *failurelog.Log[string]
	unknown  chan struct{} // a token had an unknown key id since the last request began
	known    chan struct{} // closed once there is a set

	mu   sync.Mutex
	good time.Time // when the set was read last
	last error     // of the last request
}

// away is logged when no good set can be read.
var away = &failurelog.Kind{Level: zap.WarnLevel,
	Begins: "can't read the identity provider's keys: the last ones go on counting, if there are any", Over: "the identity provider's keys can be read again"}

// New makes a source. If the address is away, its keys are those of the copy, if there is one.
func New(c Config, keys Keys, hooks Hooks, log *zap.Logger) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Source{
		config: c, keys: keys, hooks: hooks, client: newClient(c), log: log, failures: failurelog.New[string](log, nil),
		unknown: make(chan struct{}, 1), known: make(chan struct{}), good: time.Now(), last: errors.New("it was not asked yet"),
	}
	s.readCopy()
	return s, nil
}

func newClient(c Config) *http.Client {
	dialer := &net.Dialer{Timeout: c.Timeout}
	return &http.Client{
		Timeout: c.Timeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			// A small answer may be a large one in disguise, and a connection would be of no use for minutes.
			DisableCompression: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it leads to another address: configure the one that has the keys")
		},
	}
}

// Unknown brings the next request forward, because a token has a key id that no key has. It never waits.
func (s *Source) Unknown() {
	select {
	case s.unknown <- struct{}{}:
	default: // it is known already
	}
}

// Known is closed once there are keys, of the address or of the copy.
func (s *Source) Known() <-chan struct{} { return s.known }

// Age is how old the set is that counts, or how long there has been none.
func (s *Source) Age() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.good)
}

// Unready is why there are no keys, or nil where there are some.
func (s *Source) Unready() error {
	select {
	case <-s.known:
		return nil
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Errorf("it has no keys for buyers' tokens: %w", s.last)
}

// firstRetry is how long to wait before a second request where there are no keys yet.
const firstRetry = 500 * time.Millisecond

// Run reads the address until ctx ends.
func (s *Source) Run(ctx context.Context) error {
	first := firstRetry
	for {
		err := s.ask(ctx)
		if ctx.Err() != nil {
			return nil
		}
		wait := s.config.Refetch
		switch {
		case err == nil:
			// Nodes that started together spread.
			wait = time.Duration(float64(s.config.Refresh) * (0.9 + 0.2*rand.Float64()))
		case s.Unready() != nil: // nobody can buy meanwhile
			wait = min(wait, first)
			first *= 2
		}
		if !s.rest(ctx, wait) {
			return nil
		}
	}
}

// rest waits until the next request is due, or may be made and a token has an unknown key id.
func (s *Source) rest(ctx context.Context, wait time.Duration) bool {
	unknown := (<-chan struct{})(nil)
	for _, d := range []time.Duration{min(wait, s.config.Refetch), max(0, wait-s.config.Refetch)} {
		due := time.NewTimer(d)
		defer due.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-unknown:
			return true
		case <-due.C:
		}
		unknown = s.unknown
	}
	return true
}

// ask makes one request, and has its keys count.
func (s *Source) ask(ctx context.Context) error {
	select {
	case <-s.unknown: // this request is for it
	default:
	}
	published, err := s.fetch(ctx)
	if err == nil {
		err = s.adopt(published)
	}
	if ctx.Err() != nil {
		return err
	}
	if s.hooks.Asked != nil {
		s.hooks.Asked(err)
	}
	kind := away
	s.mu.Lock()
	if s.last = err; err == nil {
		kind, s.good = nil, time.Now()
	}
	s.mu.Unlock()
	s.failures.Note("", kind, err, zap.String("url", s.config.URL))
	if err == nil {
		s.writeCopy(published)
	}
	return err
}

// adopt has the keys of a set count, and logs what that changed.
func (s *Source) adopt(published []byte) error {
	got, err := s.keys.Adopt(published)
	if err != nil {
		return err
	}
	if got.Changed {
		s.log.Info("the identity provider's keys count", zap.Strings("keys", s.keys.Fingerprints()), zap.Errors("left_out", got.LeftOut))
	}
	select {
	case <-s.known:
	default:
		close(s.known)
	}
	return nil
}

// fetch reads the address within its bounds.
func (s *Source) fetch(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.URL, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", "onsale")
	response, err := s.client.Do(request)
	if err != nil {
		if cause := (*url.Error)(nil); errors.As(err, &cause) {
			err = cause.Err // the log has the address
		}
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %d, want 200", response.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, s.config.MaxBytes+1))
	if err == nil && int64(len(raw)) > s.config.MaxBytes {
		err = fmt.Errorf("its answer is longer than %d bytes", s.config.MaxBytes)
	}
	return raw, err
}
