package generator

import (
	"math"
	"time"
)

// schedule decides when each request is sent. Requests are sent in their order, so the
// line of those that wait for a connection is just a range of numbers. Times count
// from the start of the run.
type schedule struct {
	requests int
	gap      float64 // nanoseconds between two requests; 0: a closed loop, all are due at once
	late     time.Duration

	next    int // the first request that was neither sent nor dropped
	sent    int64
	dropped int64
	behind  time.Duration
}

func newSchedule(o Order) *schedule {
	s := &schedule{requests: o.Requests, late: o.Late}
	if o.patient() {
		s.late = math.MaxInt64
	}
	if o.open() {
		s.gap = float64(time.Second) / o.Rate
	}
	return s
}

// at is when a request is due. It is computed from the number and not from the request
// before, so that rounding does not add up to another rate.
func (s *schedule) at(request int) time.Duration {
	return time.Duration(math.Round(float64(request) * s.gap))
}

// done reports whether nothing is left to send.
func (s *schedule) done() bool { return s.next == s.requests }

// due is how many requests' time has come.
func (s *schedule) due(now time.Duration) int64 {
	if s.gap == 0 {
		return int64(s.next)
	}
	return int64(max(s.next, min(int(float64(now)/s.gap)+1, s.requests)))
}

// take gives the next request that is due to a connection that has been free since
// then, with the time from which its latency counts. It drops what was too late before
// the connection was free. What is late only because the generator slept is sent all
// the same, and counted as being behind: the server is not to blame for it.
func (s *schedule) take(now, freeSince time.Duration) (request int, intended time.Duration, ok bool) {
	if s.gap == 0 {
		if s.done() {
			return 0, 0, false
		}
		s.next++
		s.sent++
		return s.next - 1, now, true
	}
	s.expire(freeSince)
	intended = s.at(s.next)
	if s.done() || intended > now {
		return 0, 0, false
	}
	s.behind = max(s.behind, now-max(intended, freeSince))
	s.next++
	s.sent++
	return s.next - 1, intended, true
}

// expire drops what has waited too long at that time, when no connection was free.
func (s *schedule) expire(at time.Duration) {
	for s.gap > 0 && !s.done() && at-s.at(s.next) > s.late {
		s.drop(1)
	}
}

// drop gives up the next so many requests.
func (s *schedule) drop(requests int) {
	s.next += requests
	s.dropped += int64(requests)
}
