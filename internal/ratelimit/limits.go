package ratelimit

import (
	"errors"
	"fmt"
)

// Limits are how often buyers may ask one node.
type Limits struct {
	// Buyer is for each buyer. Raised, one buyer's programs may take more of the node; lowered, people who reload a page
	// are refused.
	Buyer Rate
	// Node is for all buyers together. Raised, more comes to Redis in a rush; lowered, buyers are refused whom the node
	// could have served.
	Node Rate
}

// Rate is so many requests a second in the long run, and so many at once.
type Rate struct {
	PerSecond float64 // 0: no limit
	Burst     int     // may be 0 where there is no limit
}

// Bounds of a rate: the time that a full burst takes has to fit into an int64 of nanoseconds.
const (
	leastPerSecond = 0.001
	mostPerSecond  = 1_000_000
	mostBurst      = 1_000_000
)

// Validate reports every fault at once, or nil.
func (l Limits) Validate() error {
	return errors.Join(l.Buyer.validate("buyer"), l.Node.validate("node"))
}

func (r Rate) validate(whose string) error {
	var faults []error
	if r.PerSecond != 0 && !(r.PerSecond >= leastPerSecond && r.PerSecond <= mostPerSecond) {
		faults = append(faults, fmt.Errorf("%s rate %v: want 0 (no limit), or %v to %d requests a second", whose, r.PerSecond, leastPerSecond, mostPerSecond))
	}
	if r.Burst < 0 || r.Burst > mostBurst || r.Burst == 0 && r.PerSecond != 0 {
		faults = append(faults, fmt.Errorf("%s burst %d: want 1 to %d requests", whose, r.Burst, mostBurst))
	}
	return errors.Join(faults...)
}
