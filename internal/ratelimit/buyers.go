package ratelimit

import (
	"hash/maphash"
	"math"
	"sync/atomic"

	"onsale/internal/sale"
)

// Cells is how many each of the two arrays has. Raised, a buyer is refused more rarely because of others; each
// doubling takes 8 MiB more of a node's memory.
const Cells = 1 << 19

// Collisions is the share of requests within the limit that are refused, while so many other buyers ask as often as
// they may or more: both cells of the request have to be cells of theirs.
func Collisions(others int) float64 {
	taken := -math.Expm1(-float64(others) / Cells)
	return taken * taken
}

// buyers counts the requests of each buyer. Times are nanoseconds since the limiter was made.
type buyers struct {
	gap, burst int64 // between two requests, and how far ahead a cell may be
	keys       [2]maphash.Seed
	cells      [2][Cells]atomic.Int64
}

func newBuyers(r Rate) *buyers {
	gap := max(1, int64(1e9/r.PerSecond))
	return &buyers{gap: gap, burst: gap * int64(r.Burst), keys: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// take counts a request, and returns 0; or it returns how long the buyer has to wait, and counts nothing.
//
// The cell that is less ahead is the truer one, as only others can have moved it further. The other one is raised no higher
// than that: otherwise two buyers who share one cell would count for each other. Requests of one buyer within
// the nanoseconds between both steps may count once.
func (b *buyers) take(buyer sale.Buyer, now int64) (wait int64) {
	low := &b.cells[0][maphash.String(b.keys[0], string(buyer))%Cells]
	high := &b.cells[1][maphash.String(b.keys[1], string(buyer))%Cells]
	for {
		at := low.Load()
		if other := high.Load(); other < at {
			low, high, at = high, low, other
		}
		next := max(at, now) + b.gap
		if wait := next - now - b.burst; wait > 0 {
			return wait
		}
		if low.CompareAndSwap(at, next) {
			raise(high, next)
			return 0
		}
	}
}

// raise sets a cell that is further behind.
func raise(cell *atomic.Int64, to int64) {
	for {
		at := cell.Load()
		if at >= to || cell.CompareAndSwap(at, to) {
			return
		}
	}
}
