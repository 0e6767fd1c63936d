package checkout

import (
	"time"

	"go.uber.org/zap"
)

// Ready reports whether Redis has answered recently enough about every sale that
// sells. A node that was paused is not ready until it has read again.
func (s *Shop) Ready() bool {
	at := s.polled.Load()
	return at != nil && time.Since(*at) <= s.config.Stale
}

// follow turns polls into readiness and logs each change once. One lost poll
// is no outage: the node stays ready until the last good one is stale.
func (s *Shop) follow(err error) {
	if err == nil {
		at := s.oldest()
		if s.polled.Swap(&at) == nil {
			close(s.first)
		}
	}
	ready := s.Ready()
	if s.ready.Swap(ready) == ready {
		return
	}
	if ready {
		s.log.Info("Redis answers, its sales are known")
	} else {
		s.log.Error("not ready: Redis does not answer", zap.Error(err))
	}
	if s.hooks.Ready != nil {
		s.hooks.Ready(ready)
	}
}

// oldest is the time of the last answer about that sale of those that sell whose
// last answer is the oldest, or now where all have just been answered. Nobody waits
// for a closed sale.
func (s *Shop) oldest() time.Time {
	at := time.Now()
	for id, answered := range s.answered {
		if d, known := s.Desk(id); known && d.Sale().Closed {
			continue
		}
		if answered.Before(at) {
			at = answered
		}
	}
	return at
}
