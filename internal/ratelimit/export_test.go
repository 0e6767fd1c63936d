package ratelimit

import (
	"time"

	"onsale/internal/sale"
)

// Buyers counts buyers' requests at times that a test chooses.
type Buyers = buyers

// NewBuyers makes one.
var NewBuyers = newBuyers

// Take is take, by durations since the beginning.
func (b *buyers) Take(buyer sale.Buyer, now time.Duration) (wait time.Duration) {
	return time.Duration(b.take(buyer, int64(now)))
}
