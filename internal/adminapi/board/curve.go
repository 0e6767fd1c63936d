package board

import (
	"encoding/json"
	"time"

	"onsale/internal/sale"
)

// maxPoints is how many points a curve has at most. Raised, curves are finer and a browser gets more when it begins to look;
// lowered, short events vanish from long curves.
const maxPoints = 300

// curve is the stock of a sale from when it was first seen until now, in a bounded number of points. When it is full, every
// other point goes, and the rest lie twice as far apart.
type curve struct {
	step   time.Duration
	points []point
}

// point is the stock at one moment of this process's clock.
type point struct {
	at                    time.Time
	remaining, held, paid int64
}

// MarshalJSON is a list of numbers, as hundreds are sent: milliseconds since 1970, remaining, held and paid.
func (p point) MarshalJSON() ([]byte, error) {
	return json.Marshal([4]int64{p.at.UnixMilli(), p.remaining, p.held, p.paid})
}

// add takes a point in, unless the last one is too near.
func (c *curve) add(now time.Time, n sale.Counters) {
	if c.step == 0 {
		c.step = time.Second
	}
	if last := len(c.points) - 1; last >= 0 && now.Sub(c.points[last].at) < c.step {
		return
	}
	if len(c.points) == maxPoints {
		for i := range maxPoints / 2 {
			c.points[i] = c.points[2*i]
		}
		c.points = c.points[:maxPoints/2]
		c.step *= 2
	}
	c.points = append(c.points, point{now, n.Remaining, n.Held, n.Paid})
}
