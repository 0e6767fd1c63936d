package checkout

import (
	"errors"
	"time"

	"go.uber.org/zap"
)

// errAway is why a shop is not ready whose Redis does not answer.
var errAway = errors.New("no answer from Redis")

// Unready is why this node should get no buyers, or nil: Redis has not answered recently
// enough about every sale that sells, or nothing should be sold from it. A node that was
// paused is not ready until it has read again.
func (s *Shop) Unready() error {
	if at := s.polled.Load(); at == nil || time.Since(*at) > s.config.Stale {
		return errAway
	}
	return s.store.Unfit()
}

// Ready reports whether there is no such reason.
func (s *Shop) Ready() bool { return s.Unready() == nil }

// follow turns polls into readiness and logs each change once. One lost poll
// is no outage: the node stays ready until the last good one is stale.
func (s *Shop) follow(err error) {
	if err == nil {
		at := s.oldest()
		if s.polled.Swap(&at) == nil {
			close(s.first)
		}
	}
	why := s.Unready()
	ready := why == nil
	if s.ready.Swap(ready) == ready {
		return
	}
	switch {
	case ready:
		s.log.Info("Redis answers, its sales are known")
	case errors.Is(why, errAway):
		s.log.Error("not ready: Redis does not answer", zap.Error(err))
	default: // logged where it was found out
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
	for id, answered := range s.poller.away {
		if d, known := s.Desk(id); known && d.Sale().Closed {
			continue
		}
		if answered.Before(at) {
			at = answered
		}
	}
	return at
}
