package checkout

import (
	"sync/atomic"
	"time"

	"onsale/internal/sale"
)

// Clock estimates Redis time: the last reading plus what has elapsed on this
// process's monotonic clock since it was received. The node's own wall clock
// plays no part.
type Clock struct {
	last atomic.Pointer[tick]
}

type tick struct {
	at       sale.Instant
	sent     time.Time
	received time.Time
}

// Set takes a reading of Redis time from a call sent at sent. A reading older
// than the one known is ignored.
func (c *Clock) Set(at sale.Instant, sent time.Time) {
	t := &tick{at: at, sent: sent, received: time.Now()}
	for {
		old := c.last.Load()
		if old != nil && !sent.After(old.sent) {
			return
		}
		if c.last.CompareAndSwap(old, t) {
			return
		}
	}
}

// Now is the estimate, late by at most half a round trip; ok is false before
// the first reading.
func (c *Clock) Now() (now sale.Instant, ok bool) {
	t := c.last.Load()
	if t == nil {
		return 0, false
	}
	return t.at.Add(time.Since(t.received)), true
}

// Age is how long ago the last reading was received; ok is false before the first.
func (c *Clock) Age() (age time.Duration, ok bool) {
	t := c.last.Load()
	if t == nil {
		return 0, false
	}
	return time.Since(t.received), true
}
