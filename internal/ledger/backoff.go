package ledger

import (
	"math/rand/v2"
	"time"
)

// backoff decides when a reader looks at its stream again.
type backoff struct {
	cfg         Config
	idle, retry time.Duration
}

func newBackoff(cfg Config) *backoff {
	return &backoff{cfg: cfg, idle: cfg.PollMin, retry: cfg.RetryMin}
}

// after takes the outcome of one look and returns the time until the next. Failures wait for
// half to one and a half of the retry time: all sales' readers failed at once, and should not
// come back at once.
func (b *backoff) after(entries int, err error) time.Duration {
	if err != nil {
		wait := b.retry/2 + rand.N(b.retry)
		b.retry = min(2*b.retry, b.cfg.RetryMax)
		return wait
	}
	b.retry = b.cfg.RetryMin
	if entries > 0 {
		b.idle = b.cfg.PollMin
	}
	wait := b.idle
	b.idle = min(2*b.idle, b.cfg.PollMax)
	return wait
}
