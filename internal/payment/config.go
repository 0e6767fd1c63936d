package payment

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// maxMaxWait keeps doubled waits far from where a duration overflows.
const maxMaxWait = 24 * time.Hour

// Config is where a payer sends its messages and how patiently.
type Config struct {
	// URL is where messages go, such as https://tickets.example/v1/payments/webhook.
	URL string
	// Attempts is how often one message is sent at most. More outlast a longer
	// outage; fewer report sooner that there is one.
	Attempts int
	// Backoff is the wait before the second attempt; each wait after it is twice as
	// long. Longer spares a server that is overloaded already; shorter pays sooner
	// after a hiccup.
	Backoff time.Duration
	// MaxWait bounds each wait. Longer spares the server through a long outage;
	// shorter notices its end sooner, and gives up on a server that asks for a
	// longer wait than this.
	MaxWait time.Duration
	// Timeout bounds one attempt. Longer waits for a slow answer in place of asking
	// for it again; shorter finds out sooner that none will come.
	Timeout time.Duration
}

// DefaultConfig is the configuration without its URL: about a minute of attempts.
func DefaultConfig() Config {
	return Config{
		Attempts: 9,
		Backoff:  250 * time.Millisecond,
		MaxWait:  30 * time.Second,
		Timeout:  15 * time.Second, // the least that the specification recommends
	}
}

// Validate reports every fault at once, or returns nil.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	u, err := url.Parse(c.URL)
	check(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "",
		"payer url %q: want http or https and a host", c.URL)
	check(c.Attempts >= 1, "payer attempts %d: want at least 1", c.Attempts)
	check(c.Backoff >= time.Millisecond, "payer backoff %v: want at least 1ms", c.Backoff)
	check(c.MaxWait >= c.Backoff && c.MaxWait <= maxMaxWait, "payer max wait %v: want %v, the backoff, to %v", c.MaxWait, c.Backoff, maxMaxWait)
	check(c.Timeout >= time.Millisecond, "payer timeout %v: want at least 1ms", c.Timeout)
	return errors.Join(faults...)
}
