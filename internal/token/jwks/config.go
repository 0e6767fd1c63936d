package jwks

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"
)

// Config is where the key set is and how often it is read.
type Config struct {
	// URL is the address: https, or http on loopback.
	URL string
	// Refresh is the time between two requests. Higher: keys that the provider removed count for longer;
	// lower: more requests.
	Refresh time.Duration
	// Refetch is the least time between two requests, also where key ids are unknown or requests fail. Higher: a
	// new key that was signed with at once counts later; lower: strangers cause more requests.
	Refetch time.Duration
	// Timeout bounds a request. Higher: an address that hangs is asked less often; lower: a slow one is never read.
	Timeout time.Duration
	// MaxBytes bounds an answer. Providers publish 1 to 20 KiB.
	MaxBytes int64
	// Copy is a file with the last good set, from which a process begins whose address is away. Empty: none.
	Copy string
}

// DefaultConfig reads an address every five minutes, and at most every ten seconds.
func DefaultConfig(address string) Config {
	return Config{URL: address, Refresh: 5 * time.Minute, Refetch: 10 * time.Second, Timeout: 5 * time.Second, MaxBytes: 256 << 10}
}

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if _, err := c.address(); err != nil {
		faults = append(faults, err)
	}
	if c.Refetch <= 0 || c.Refresh < c.Refetch {
		faults = append(faults, fmt.Errorf("--jwks-refresh %v: want at least %v", c.Refresh, c.Refetch))
	}
	if c.Timeout <= 0 || c.MaxBytes <= 0 {
		faults = append(faults, errors.New("a key set's address needs bounds of time and size"))
	}
	return errors.Join(faults...)
}

// address is the URL, taken apart. Who can change the answer on its way can sign tokens, so that it has to
// come over TLS, or not over a network at all.
func (c Config) address() (*url.URL, error) {
	fault := func(want string) (*url.URL, error) {
		return nil, fmt.Errorf("--jwks-url: want %s, such as https://login.example.com/.well-known/jwks.json", want)
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return fault("a URL with a host")
	case u.User != nil || u.Fragment != "":
		return fault("a URL without a user, password or fragment: the keys are public")
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return fault("https, or http with an address of this machine (127.0.0.1 or [::1])")
}

// loopback reports whether the host is an address of this machine alone. A name may lead elsewhere.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
