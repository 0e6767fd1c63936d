package strategy

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Patience bounds a purchase, as the node bounds a claim: past it Nginx and the
// buyer are about to hang up.
const Patience = 2 * time.Second

// Config holds where the stores are and how a strategy uses them.
type Config struct {
	Redis    string // host:port; of strategies that need it
	Postgres string // URL; of strategies that need it

	// RedisPool is how many connections at most; strategies with pipelines have as many
	// as these need. Raising it lets more calls share
	// an fsync and costs Redis memory; lowered below what Redis answers at a time,
	// it makes buyers wait for a connection.
	RedisPool int
	// Call bounds one call to Redis, and the wait for a connection to it. Raising it
	// above Patience changes nothing for buyers; lowering it turns slow fsyncs into
	// outcomes that nobody knows.
	Call time.Duration
	// PostgresPool is how many connections, all open from the start. Raising it
	// has more server processes wait for the one row and for a core, and makes
	// more versions stale; lowered below twice the cores it leaves them idle while
	// commits wait for the disk.
	PostgresPool int
	// Attempts is how often postgres-version tries before it gives up. Raising it
	// keeps buyers waiting and loads PostgreSQL with statements that lose;
	// lowering it sends buyers away while tickets are left.
	Attempts int
	// Pipelines is how many round trips of redis-lua-pipelined and redis-streams are under
	// way at a time. Raising it makes them shorter, with more system calls and fsyncs a
	// buyer; at 1, Redis is idle while the process reads replies.
	Pipelines int
	// Batch is how many requests at most share a round trip, or a turn of redis-streams'
	// seller. Raising it has Redis do nothing else for longer; lowering it costs
	// round trips and fsyncs.
	Batch int
}

// DefaultConfig is for one machine that runs everything. The stores may be empty
// where a strategy does not need them.
func DefaultConfig(redis, postgres string) Config {
	return Config{Redis: redis, Postgres: postgres, RedisPool: 64, Call: Patience, PostgresPool: 16, Attempts: 10, Pipelines: 2, Batch: 256}
}

// Validate reports every fault at once, or nil, for a strategy that needs the stores.
func (c Config) Validate(needs Stores) error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	if needs.Redis {
		_, _, err := net.SplitHostPort(c.Redis)
		check(err == nil, "redis address %q: want host:port", c.Redis)
		check(c.RedisPool >= 1 && c.RedisPool <= 10_000, "redis pool %d: want 1 to 10000", c.RedisPool)
		check(c.Call >= time.Millisecond, "redis call timeout %v: want at least 1ms", c.Call)
		check(c.Pipelines >= 1 && c.Pipelines <= 1_000, "pipelines %d: want 1 to 1000", c.Pipelines)
		check(c.Batch >= 1 && c.Batch <= 10_000, "batch %d: want 1 to 10000", c.Batch)
	}
	if needs.Postgres {
		check(c.Postgres != "", "postgres URL: missing")
		check(c.PostgresPool >= 1 && c.PostgresPool <= 1_000, "postgres pool %d: want 1 to 1000", c.PostgresPool)
		check(c.Attempts >= 1, "attempts %d: want at least 1", c.Attempts)
	}
	return errors.Join(faults...)
}
