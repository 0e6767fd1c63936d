package ledger

import (
	"errors"
	"fmt"
	"time"

	"onsale/internal/temperature"
)

// Config tunes a ledger. Each comment states what raising and lowering costs.
type Config struct {
	// Entries is how many stream entries one transaction commits; each carries up to 128
	// orders. Raised: one read keeps Redis from the claims for longer, and there is more work
	// to repeat after a failure. Lowered: more commits, each of which waits for PostgreSQL's
	// disk.
	Entries int
	// Look is how often the ledger registers, measures the backlogs of the sales that are
	// read, and shares those with the other ledgers. Raised: the sales of a ledger that
	// died wait longer for a reader. Lowered: a few more calls a sale that is read.
	Look time.Duration
	// Listen is how often it asks which sales are new or asked for, and looks at some of those
	// that are not. Raised: a new sale waits longer until it may sell. Lowered: a few more calls.
	Listen time.Duration
	// Temperature bounds how many sales are read, and how many of the others are looked at.
	Temperature temperature.Config
	// PollMin and PollMax bound the time between two looks at an empty stream; it doubles.
	// Raised: orders reach PostgreSQL later. Lowered: an idle sale costs Redis more calls.
	PollMin, PollMax time.Duration
	// RetryMin and RetryMax bound the time between two tries after a failure; it doubles and
	// varies by half. Raised: the ledger catches up later. Lowered: a PostgreSQL that starts
	// up is asked more often, by every sale.
	RetryMin, RetryMax time.Duration
	// LeaseTime is for how long a sale is this ledger's without renewal, which is tried three
	// times as often; it must be the lease's time to live in Redis. Raised: a dead ledger's
	// sales wait longer. Lowered: a slow Redis costs a healthy ledger its sales.
	LeaseTime time.Duration
	// Call bounds each call to Redis. Raised: a stuck call delays the rest longer. Lowered:
	// a Redis that is merely slow counts as away.
	Call time.Duration
	// Stall is how long entries may wait while none of them is recorded before the sale counts as stalled, and the ledger as
	// not ready. Raised, a ledger that writes nothing is noticed later; lowered, a slow transaction raises an alarm.
	Stall time.Duration
	// Settle is how long a ledger waits after it has found that a sale lost data. Nodes register
	// again meanwhile with a Redis that came back empty, every second; and all sales that it has lost are found,
	// so that the one that sold last gets the first turn. Raised: a sale stays shut for longer. Lowered: what
	// a node remembers may be missed.
	Settle time.Duration
	// Commit bounds each transaction, and how long a ledger that stops waits for the one under
	// way. Raised: a PostgreSQL that hangs is noticed later. Lowered: a large batch on a slow
	// disk never gets through.
	Commit time.Duration
}

// DefaultConfig suits five thousand sales.
func DefaultConfig() Config {
	const listen = 200 * time.Millisecond
	cold := temperature.DefaultConfig(listen)
	// Many may have something to record though nobody asks for them: payments, refunds.
	cold.Most = 1_000
	return Config{
		Listen:      listen,
		Temperature: cold,
		Entries:     32,
		Look:        time.Second,
		PollMin:     10 * time.Millisecond,
		PollMax:     250 * time.Millisecond,
		RetryMin:    100 * time.Millisecond,
		RetryMax:    5 * time.Second,
		LeaseTime:   5 * time.Second,
		Call:        time.Second,
		Stall:       30 * time.Second,
		Settle:      1200 * time.Millisecond,
		Commit:      15 * time.Second,
	}
}

// maxEntries keeps a batch below some hundred thousand orders.
const maxEntries = 1_000

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Entries >= 1 && c.Entries <= maxEntries, "ledger entries %d: want 1 to %d", c.Entries, maxEntries)
	check(c.Look > 0 && c.Look <= time.Minute, "ledger look %v: want more than 0, at most 1m", c.Look)
	check(c.Listen > 0, "ledger listen %v: want more than 0", c.Listen)
	check(c.PollMin > 0 && c.PollMin <= c.PollMax, "ledger poll %v to %v: want more than 0, and the second not below the first", c.PollMin, c.PollMax)
	check(c.RetryMin > 0 && c.RetryMin <= c.RetryMax, "ledger retry %v to %v: want more than 0, and the second not below the first", c.RetryMin, c.RetryMax)
	check(c.Call > 0, "ledger call timeout %v: want more than 0", c.Call)
	check(c.LeaseTime >= 3*time.Millisecond && c.LeaseTime > c.Call, "ledger lease time %v: want at least 3ms, and more than the call timeout, %v", c.LeaseTime, c.Call)
	check(c.Stall > 0, "ledger stall %v: want more than 0", c.Stall)
	check(c.Settle > 0, "ledger settle %v: want more than 0", c.Settle)
	check(c.Commit > 0, "ledger commit timeout %v: want more than 0", c.Commit)
	return errors.Join(faults...)
}
