package proof

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
)

// Secret is what a captcha provider knows this site by. Nothing prints it.
type Secret struct{ value *string } // fmt follows no pointer inside a struct

// ParseSecret accepts what providers hand out: 8 to 512 printable characters without a blank. Its error doesn't repeat the text.
func ParseSecret(text string) (Secret, error) {
	if len(text) < 8 || len(text) > 512 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return Secret{}, errors.New("want 8 to 512 printable characters without a blank")
	}
	return Secret{&text}, nil
}

// LoadSecret reads a file that holds one secret.
func LoadSecret(file string) (Secret, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return Secret{}, fmt.Errorf("siteverify secret: %w", err)
	}
	s, err := ParseSecret(strings.TrimSpace(string(raw)))
	if err != nil {
		return Secret{}, fmt.Errorf("siteverify secret in %s: %w", file, err)
	}
	return s, nil
}

// String hides the secret.
func (Secret) String() string { return "siteverify secret (hidden)" }

func (s Secret) text() string { return *s.value }

// SiteverifyConfig is which captcha provider to ask, and how patiently.
type SiteverifyConfig struct {
	// URL is where the provider verifies, such as https://challenges.cloudflare.com/turnstile/v0/siteverify.
	URL    string
	Secret Secret
	// FailOpen lets buyers join while the provider can't be asked. Otherwise nobody joins meanwhile who has no place yet, and
	// whoever keeps the provider busy keeps buyers out; with it, they let everybody in.
	FailOpen bool
	// Timeout bounds one question. Raised, buyers wait longer for a provider that is slow; lowered, answers that would have come are lost.
	Timeout time.Duration
	// Questions is how many may be under way at once. Raised, a slow provider holds more connections and memory of this node; lowered,
	// a rush finds no place.
	Questions int
	// TripAfter is how many failures in a row open the circuit breaker. Raised, more buyers wait for a provider that is away; lowered, a
	// single hiccup rejects everybody for Cooldown.
	TripAfter uint32
	// Cooldown is how long the breaker stays open before one question tries again. Raised, recovery is noticed later; lowered, a
	// provider that is coming back is asked more often.
	Cooldown time.Duration
}

// DefaultSiteverifyConfig is the configuration without URL and secret. It fails closed.
func DefaultSiteverifyConfig() SiteverifyConfig {
	return SiteverifyConfig{Timeout: 2 * time.Second, Questions: 256, TripAfter: 5, Cooldown: time.Second}
}

// Validate reports every fault at once, or nil.
func (c SiteverifyConfig) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	u, err := url.Parse(c.URL)
	check(err == nil && u.Host != "" && u.User == nil && u.Fragment == "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname())),
		"siteverify url %.80q: want https, or http to a loopback address, without a user", redacted(u))
	check(c.Secret.value != nil, "siteverify secret: missing")
	check(c.Timeout >= time.Millisecond, "siteverify timeout %v: want at least 1ms", c.Timeout)
	check(c.Questions >= 1, "siteverify questions %d: want at least 1", c.Questions)
	check(c.TripAfter >= 1 && c.Cooldown > 0, "siteverify: trip-after and cooldown must be positive")
	return errors.Join(faults...)
}

// redacted is a URL as it may be shown.
func redacted(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Redacted()
}

// loopback reports whether a host is a loopback address, or the name that stands for one.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

var errNotLoopback = errors.New("http is for loopback addresses alone")

// transport connects to the configured host. Where plain http was allowed for localhost, what that stands for when it is looked
// up must be a loopback address too.
func (c SiteverifyConfig) transport() *http.Transport {
	d := net.Dialer{Timeout: c.Timeout}
	proxy := http.ProxyFromEnvironment
	if u, err := url.Parse(c.URL); err != nil || u.Scheme != "https" {
		proxy = nil
		d.Control = func(_, address string, _ syscall.RawConn) error {
			if host, _, err := net.SplitHostPort(address); err != nil || !loopback(host) {
				return errNotLoopback
			}
			return nil
		}
	}
	return &http.Transport{
		Proxy: proxy, DialContext: d.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: c.Timeout, MaxConnsPerHost: c.Questions, MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second,
		MaxResponseHeaderBytes: maxVerdict,
	}
}
