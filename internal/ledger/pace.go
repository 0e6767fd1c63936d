package ledger

import (
	"context"
	"math/rand/v2"
	"time"
)

// pace says when a reader looks at its stream again.
type pace struct {
	cfg         Config
	idle, retry time.Duration
}

func newPace(cfg Config) *pace { return &pace{cfg: cfg, idle: cfg.PollMin, retry: cfg.RetryMin} }

// after takes the outcome of one look and returns the time until the next. Failures wait for
// half to one and a half of the retry time: all sales' readers failed at once, and should not
// come back at once.
func (p *pace) after(entries int, err error) time.Duration {
	if err != nil {
		wait := p.retry/2 + rand.N(p.retry)
		p.retry = min(2*p.retry, p.cfg.RetryMax)
		return wait
	}
	p.retry = p.cfg.RetryMin
	if entries > 0 {
		p.idle = p.cfg.PollMin
	}
	wait := p.idle
	p.idle = min(2*p.idle, p.cfg.PollMax)
	return wait
}

// pause waits for d; false means ctx was done first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
