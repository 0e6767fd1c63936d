package rebalance

import (
	"errors"
	"fmt"
	"time"

	"onsale/internal/temperature"
)

// Config tunes the loop. Each comment names what raising and lowering costs.
type Config struct {
	// Tick is how often the leader surveys and expires each hot sale, and asks which
	// sales are new. Raised: later plans for low nodes, returned stock and new
	// sales, while nodes refill for themselves. Lowered: two calls a hot sale and
	// two for the news come more often.
	Tick time.Duration
	// Temperature bounds how many sales are hot, and how many cold ones have their turn.
	Temperature temperature.Config
	// Looks is how many sales are looked at at once. Raised: a leader that begins, or many
	// sales that change at once, take more of the store's connections. Lowered: that takes longer.
	Looks int
	// Coalesce is how long after a gossip signal the planners are woken. Raised:
	// a dead node's share stays planned longer. Lowered: a burst of signals,
	// such as a rack going dark, takes several plans.
	Coalesce time.Duration
	// LeaseTime is for how long a lease is held without renewal; it is the
	// store's time to live too. Raised: a dead leader is replaced later.
	// Lowered: a slow store costs a healthy leader its lease.
	LeaseTime time.Duration
	// LeaseRenew is how often the leader renews and the others try. Raised:
	// fewer tries before the lease lapses. Lowered: more calls.
	LeaseRenew time.Duration
	// Call bounds every call to the store. Raised: a stuck sale notices its
	// recovery later. Lowered: a store that is merely slow counts as away.
	Call time.Duration
	// Tolerate is how many nodes may vanish at once without a round trip for
	// the others; negative is the default of [Tolerance]. Raised: larger
	// buffers, so more claims that the store refuses near the end. Lowered:
	// survivors refill after fewer crashes.
	Tolerate int
	// LowMark is the part of its slice and buffer that a node claims before
	// it counts as low, above 0 and at most 1. Raised: nodes more often run
	// dry before their next plan. Lowered: more plans; see low.
	LowMark float64
	// ExpireBatch is how many overdue holds one call resolves. Raised: the
	// store stands still longer for one script. Lowered: more calls, and more
	// plans, until a wave of overdue holds is back on sale.
	ExpireBatch int
}

// DefaultConfig suits a hundred nodes and five thousand sales, of which two hundred are hot.
func DefaultConfig() Config {
	const tick = 200 * time.Millisecond
	return Config{
		Tick:        tick,
		Temperature: temperature.DefaultConfig(tick),
		Looks:       32,
		Coalesce:    20 * time.Millisecond,
		LeaseTime:   2 * time.Second,
		LeaseRenew:  500 * time.Millisecond,
		Call:        500 * time.Millisecond,
		Tolerate:    -1,
		LowMark:     0.5,
		ExpireBatch: 100,
	}
}

// maxExpireBatch is the most that the expiry script takes, so that it stops
// Redis for some milliseconds at most.
const maxExpireBatch = 1_000

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Tick > 0, "tick %v: want more than 0", c.Tick)
	check(c.Looks > 0, "looks %d: want at least 1", c.Looks)
	check(c.Coalesce >= 0 && c.Coalesce <= c.Tick, "coalesce %v: want 0 to tick, %v", c.Coalesce, c.Tick)
	check(c.LeaseRenew > 0, "lease renewal %v: want more than 0", c.LeaseRenew)
	check(c.LeaseTime >= 3*c.LeaseRenew, "lease time %v: want at least three renewals, %v", c.LeaseTime, 3*c.LeaseRenew)
	check(c.Call > 0 && c.Call < c.LeaseTime, "call timeout %v: want more than 0 and less than the lease time, %v", c.Call, c.LeaseTime)
	check(c.LowMark > 0 && c.LowMark <= 1, "low mark %v: want above 0 and at most 1", c.LowMark)
	check(c.ExpireBatch >= 1 && c.ExpireBatch <= maxExpireBatch, "expire batch %d: want 1 to %d", c.ExpireBatch, maxExpireBatch)
	return errors.Join(faults...)
}
