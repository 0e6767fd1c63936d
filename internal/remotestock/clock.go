package remotestock

import (
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"onsale/internal/sale"
)

// The clock of a Redis host can be set: by hand, by an NTP daemon that starts late, or because
// another host has taken over. Scripts take the time from it, so an hour more would end every
// hold, close sales and reject tokens and webhooks. A program knows better: between two
// replies its own monotonic clock has gone on, and nobody can set that. So if Redis's
// clock has jumped, the program goes by the time that it had. With each call it sends by how
// much Redis differs, until Redis's clock is back. See docs/adr/0014-a-clock-that-was-set.md.

const (
	// stepAtLeast is the least jump that counts. Raised, holds may end so much earlier than was
	// promised when a clock is set; lowered, hosts of a Sentinel whose clocks differ a little
	// alarm at each failover.
	stepAtLeast = 2 * time.Second
	// drift is by which part two clocks may go apart that nobody sets, ten times what crystals do.
	drift = 1000
)

// sinceBoot is a clock that nobody can set. Unlike Go's, it goes on while the machine sleeps.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		panic("no CLOCK_BOOTTIME, which Linux has had since 2.6.39: " + err.Error())
	}
	return time.Duration(t.Nano())
}

// clock is the time of the Redis that has one sale: the masters of a Cluster differ. The zero
// clock knows none yet and believes the first reading.
type clock struct {
	mu    sync.Mutex
	known bool
	at    sale.Instant  // the time at the last reading
	since time.Duration // when that was, since boot
	doubt time.Duration // that can be off by so much, either way
	step  time.Duration // by how much Redis's clock is ahead of at because it was set
}

// take takes the time of Redis's clock at a call of this time, since boot. It returns the time
// then, which is another one if the clock was set, and by how much it was.
func (c *clock) take(redis sale.Instant, sent, received time.Duration) (at sale.Instant, step time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, doubt := (sent+received)/2, (received-sent)/2
	if !c.known {
		c.known, c.at, c.since, c.doubt = true, redis, now, doubt
		return redis, 0
	}
	passed := now - c.since
	want := c.at.Add(passed)
	allowed := stepAtLeast + doubt + c.doubt + passed.Abs()/drift
	switch ahead := redis.Sub(want); {
	case (ahead - c.step).Abs() <= allowed: // as it was
	case ahead.Abs() <= allowed:
		c.step = 0
	default:
		c.step = ahead
	}
	at = redis.Add(-c.step)
	if passed >= 0 { // a reply that was overtaken is no news
		c.at, c.since, c.doubt = at, now, doubt
	}
	return at, c.step
}

// now is the time, as far as it is known.
func (c *clock) now() (at sale.Instant, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at.Add(sinceBoot() - c.since), c.known
}

// ahead is by how much Redis's clock was set.
func (c *clock) ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.step
}

// knows is the argument of a script that names the plan the caller knows, and by how much
// Redis's clock was set.
func knows(known any, step time.Duration) any {
	if step == 0 {
		return known
	}
	generation, _ := known.(int64)
	return strconv.FormatInt(generation, 10) + " " + strconv.FormatInt(step.Milliseconds(), 10)
}

// steps are the sales whose Redis's clock was set, by how much.
type steps struct {
	mu    sync.Mutex
	sales map[sale.ID]time.Duration
}

// stepped logs that a clock was set and that none is wrong any more, once each however many
// sales there are, and has it reported.
func (s *Store) stepped(id sale.ID, step time.Duration) {
	t := &s.steps
	t.mu.Lock()
	before, known := t.sales[id]
	if before == step && known == (step != 0) {
		t.mu.Unlock()
		return
	}
	first := len(t.sales) == 0
	if step == 0 {
		delete(t.sales, id)
	} else {
		t.sales[id] = step
	}
	last := len(t.sales) == 0
	t.mu.Unlock()
	switch {
	case first:
		s.log.Error("Redis's clock was set; this program goes on by the time that it had, until the clock is back or the program is started again",
			zap.Duration("by", step), zap.String("sale", string(id)))
	case last:
		s.log.Info("Redis's clock is what it was before it was set")
	}
	s.observer.lookNow()
}

// largest is the largest of all steps. The caller holds mu.
func (t *steps) largest() (largest time.Duration) {
	for _, step := range t.sales {
		if step.Abs() > largest.Abs() {
			largest = step
		}
	}
	return largest
}

// Step is by how much Redis's clock was set since this program knows it; 0 where it was not.
func (s *Store) Step() time.Duration {
	s.steps.mu.Lock()
	defer s.steps.mu.Unlock()
	return s.steps.largest()
}
