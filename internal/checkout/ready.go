package checkout

import (
	"errors"
	"time"

	"go.uber.org/zap"
)

// errAway is why a catalog is not ready whose Redis does not answer.
var errAway = errors.New("no answer from Redis")

// Unready is why this node should get no buyers, or nil: Redis has not answered recently
// enough about every sale that sells, or nothing should be sold from it. A node that was
// paused is not ready until it has read again.
func (c *Catalog) Unready() error {
	if at := c.polled.Load(); at == nil || time.Since(*at) > c.config.Stale {
		return errAway
	}
	return c.store.Unfit()
}

// Age is how old the oldest of the last answers about the sales that sell is; 0 before the first.
func (c *Catalog) Age() time.Duration {
	at := c.polled.Load()
	if at == nil {
		return 0
	}
	return time.Since(*at)
}

// Ready reports whether there is no such reason.
func (c *Catalog) Ready() bool { return c.Unready() == nil }

// follow turns polls into readiness and logs each change once. One lost poll
// is no outage: the node stays ready until the last one that succeeded is stale.
func (c *Catalog) follow(err error) {
	if err == nil {
		at := c.oldest()
		if c.polled.Swap(&at) == nil {
			close(c.first)
		}
	}
	why := c.Unready()
	ready := why == nil
	if c.ready.Swap(ready) == ready {
		return
	}
	switch {
	case ready:
		c.log.Info("Redis answers, its sales are known")
	case errors.Is(why, errAway):
		c.log.Error("not ready: Redis does not answer", zap.Error(err))
	default: // logged where it was found out
	}
	if c.hooks.Ready != nil {
		c.hooks.Ready(ready)
	}
}

// oldest is the time of the last answer about that sale of those that sell whose
// last answer is the oldest, or now where all have just been answered. Nobody waits
// for a closed sale.
func (c *Catalog) oldest() time.Time {
	at := time.Now()
	for id, answered := range c.poller.away {
		if s, known := c.Seller(id); known && s.Sale().Closed {
			continue
		}
		if answered.Before(at) {
			at = answered
		}
	}
	return at
}
