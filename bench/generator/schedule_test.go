package generator

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// perMilli is a schedule of a request a millisecond.
func perMilli(requests int, late time.Duration) *schedule {
	return newSchedule(Order{Requests: requests, Rate: 1000, Late: late})
}

func (s *schedule) want(t *testing.T, now, freeSince time.Duration, request int, intended time.Duration) {
	t.Helper()
	n, at, ok := s.take(now, freeSince)
	if !ok || n != request || at != intended {
		t.Errorf("at %v: got request %d of %v, %v, want %d of %v", now, n, at, ok, request, intended)
	}
}

func (s *schedule) wantNone(t *testing.T, now, freeSince time.Duration) {
	t.Helper()
	if n, at, ok := s.take(now, freeSince); ok {
		t.Errorf("at %v: got request %d of %v, want none", now, n, at)
	}
}

func TestOpenScheduleGivesRequestsWhenTheyAreDue(t *testing.T) {
	s := perMilli(3, time.Second)
	s.want(t, 0, 0, 0, 0)
	s.wantNone(t, ms-1, 0)
	s.want(t, ms, 0, 1, ms)
	s.want(t, 5*ms, 0, 2, 2*ms)
	s.wantNone(t, time.Hour, 0)
	if s.sent != 3 || s.dropped != 0 || !s.done() {
		t.Errorf("got %d sent, %d dropped, done %v, want 3, 0, true", s.sent, s.dropped, s.done())
	}
}

func TestScheduleKeepsItsRate(t *testing.T) {
	s := newSchedule(Order{Requests: 3_000_001, Rate: 3000, Late: 1})
	if got, want := s.at(3_000_000), 1000*time.Second; got != want {
		t.Errorf("request 3,000,000 at 3000 a second: got %v, want %v", got, want)
	}
}

func TestScheduleKnowsWhoIsLate(t *testing.T) {
	t.Run("the generator, where a connection was free", func(t *testing.T) {
		s := perMilli(2, 10*ms)
		s.want(t, 20*ms, 0, 0, 0)
		s.want(t, 20*ms, 0, 1, ms)
		if s.behind != 20*ms || s.dropped != 0 {
			t.Errorf("got %v behind, %d dropped, want 20ms and none", s.behind, s.dropped)
		}
	})
	t.Run("the generator, only since the connection is free", func(t *testing.T) {
		s := perMilli(1, 10*ms)
		s.want(t, 8*ms, 5*ms, 0, 0)
		if s.behind != 3*ms {
			t.Errorf("got %v behind, want 3ms", s.behind)
		}
	})
	t.Run("the server, where none was free in time", func(t *testing.T) {
		s := perMilli(5, 10*ms)
		s.want(t, 12*ms, 12*ms, 2, 2*ms)
		if s.behind != 0 || s.dropped != 2 {
			t.Errorf("got %v behind, %d dropped, want 0 and 2", s.behind, s.dropped)
		}
	})
}

func TestScheduleDropsWithoutAnyConnection(t *testing.T) {
	s := perMilli(5, 10*ms)
	s.expire(10 * ms)
	if s.dropped != 0 {
		t.Errorf("just in time: got %d dropped, want none", s.dropped)
	}
	s.expire(13 * ms)
	if s.dropped != 3 || s.next != 3 {
		t.Errorf("got %d dropped and request %d next, want 3 and 3", s.dropped, s.next)
	}
	s.expire(time.Hour)
	if s.dropped != 5 || !s.done() {
		t.Errorf("got %d dropped, done %v, want 5 and true", s.dropped, s.done())
	}
}

func TestScheduleCountsWhatIsDue(t *testing.T) {
	s := perMilli(5, time.Second)
	for now, want := range map[time.Duration]int64{0: 1, ms - 1: 1, ms: 2, 3500 * time.Microsecond: 4, time.Hour: 5} {
		if got := s.due(now); got != want {
			t.Errorf("after %v: got %d due, want %d", now, got, want)
		}
	}
}

func TestClosedScheduleIsAlwaysDueAndNeverLate(t *testing.T) {
	s := newSchedule(Order{Requests: 2})
	s.want(t, 7*ms, 0, 0, 7*ms)
	s.expire(time.Hour)
	s.want(t, time.Hour, 0, 1, time.Hour)
	s.wantNone(t, time.Hour, 0)
	if s.sent != 2 || s.dropped != 0 || s.behind != 0 {
		t.Errorf("got %d sent, %d dropped, %v behind, want 2, 0, 0", s.sent, s.dropped, s.behind)
	}
}

func TestOrderReportsAllFaultsAtOnce(t *testing.T) {
	good := Order{Addr: "127.0.0.1:80", Sale: "s", Requests: 1, Connections: 1, Timeout: time.Second}
	if err := good.Validate(); err != nil {
		t.Errorf("got %v, want no fault", err)
	}
	err := Order{Rate: 5, First: -1}.Validate()
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 7 {
		t.Errorf("got %v, want 7 faults", err)
	}
	good.Rate = MaxRate + 1
	good.Late = time.Second
	if good.Validate() == nil {
		t.Error("a rate that nobody can send: got no fault")
	}
}
