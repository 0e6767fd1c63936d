package testbed

// StopRedis has the embedded Redis answer nobody, with what it has, until StartRedis. It may be called twice.
func (e *Embedded) StopRedis() { e.redis.Close() }

// StartRedis has it answer again, at its address. It may be called twice.
func (e *Embedded) StartRedis() error {
	if e.RedisRuns() {
		return nil
	}
	return e.redis.Restart()
}

// RedisRuns reports whether the embedded Redis answers.
func (e *Embedded) RedisRuns() bool { return e.redis.Server() != nil }
