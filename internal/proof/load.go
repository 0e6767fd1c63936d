package proof

import (
	"errors"
	"fmt"
	"math"
	"time"

	"onsale/internal/sale"
)

// MaxNumber is the hardest challenge that there is: all of its numbers take the phone two seconds, and on average it finds the
// one in half of that.
const MaxNumber = sale.MaxProofEasy

// Phone is how many numbers the browser of a cheap phone tries in a second. It is assumed, not measured here: ALTCHA's
// own benchmark has a Samsung Galaxy A14 (2023) solve a complexity of 100,000 in 2.5 s (https://altcha.org/docs/complexity/).
const Phone = MaxNumber / 2

// Config is how hard the challenges of a sale are.
type Config struct {
	// Easy is the largest number of a challenge while few buyers join. Raised, a flood costs more from its first join on, and every
	// buyer's phone works for longer; lowered, the first moments of a flood are cheaper.
	Easy int64
	// Hard is the same once as many buyers join as there is capacity; at most MaxNumber. Raised, a flood costs more, and so
	// does joining for everybody in it.
	Hard int64
	// Capacity is how many joins a second of one sale this node is to take. Raised, challenges become hard later, and
	// the node takes more of a flood; lowered, buyers' phones work harder in an ordinary rush.
	Capacity float64
}

// DefaultConfig has a cheap phone work for at most half a second, and in a rush two.
func DefaultConfig() Config { return Config{Easy: Phone / 2, Hard: MaxNumber, Capacity: 2_000} }

// Validate reports every fault at once, or nil.
func (c Config) Validate() error {
	var faults []error
	if c.Easy < 1 || c.Easy > c.Hard {
		faults = append(faults, fmt.Errorf("proof: easy challenges of %d numbers: want 1 to %d, the hard ones", c.Easy, c.Hard))
	}
	if c.Hard > MaxNumber {
		faults = append(faults, fmt.Errorf("proof: hard challenges of %d numbers: want at most %d, which keep a cheap phone busy for two seconds", c.Hard, MaxNumber))
	}
	if !(c.Capacity > 0) || math.IsInf(c.Capacity, 0) {
		faults = append(faults, fmt.Errorf("proof: capacity of %v joins a second: want more than 0", c.Capacity))
	}
	return errors.Join(faults...)
}

// eased is the share of the capacity up to which challenges are easy.
const eased = 0.5

// Difficulty is the largest number of a challenge while so many joins a second arrive. Up to half of the capacity it is the easy
// one, from the capacity on the hard one, and between them it grows by the same factor with each join a second more.
func (c Config) Difficulty(joins float64) int64 {
	rise := min(max((joins/c.Capacity-eased)/(1-eased), 0), 1)
	if !(rise > 0) { // also where it is no number
		return c.Easy
	}
	return min(int64(math.Round(float64(c.Easy)*math.Pow(float64(c.Hard)/float64(c.Easy), rise))), c.Hard)
}

// of is how hard the challenges of a sale are that has an easiest one of its own; 0: it has none.
func (c Config) of(easy int64) Config {
	if easy > 0 {
		c.Easy, c.Hard = easy, max(c.Hard, easy)
	}
	return c
}

// memory is for how long a join counts towards the rate: after it, a third of it is left. Raised, difficulty
// follows a rush later and outlasts it; lowered, it follows each burst.
const memory = 5 * time.Second

// rate is joins a second, as a sum that decays: it follows a change smoothly, up and down, and needs no timer.
type rate struct {
	joins float64
	at    sale.Instant
}

// decayed is the rate at now, without a further join. A clock that was set back changes nothing.
func (r rate) decayed(now sale.Instant) rate {
	if now > r.at {
		r.joins *= math.Exp(-now.Sub(r.at).Seconds() / memory.Seconds())
	}
	r.at = now
	return r
}

// joined is the rate after one join more.
func (r rate) joined(now sale.Instant) rate {
	r = r.decayed(now)
	r.joins += 1 / memory.Seconds()
	return r
}
