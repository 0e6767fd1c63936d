package line

import "math"

// What is assumed and remembered of the share of people who come.
const (
	// comeWhenCalled is the share of the late line who come when they are called.
	comeWhenCalled = 0.9
	// fewest is the smallest share that is believed. Lower: bots that join and never come hold the
	// sale up less, and a share that rises again surprises it more.
	fewest = 0.02
	// never is the least chance to stay away, as there has to be one to be divided by.
	never = 1e-9
	// Before anything is known nearly everybody comes within the window: so many purchases per
	// so many seconds in which somebody was awaited.
	presumed, presumedOver = 2.0, 30.0
	// memory is after how many seconds a purchase counts for less than half.
	memory = 600.0
	// recent is the same for what is compared with the estimate, and slack how many purchases
	// such a comparison is not troubled by.
	recent, slack = 3.0, 2.0

	// risked is the part of all tickets for which people may be admitted in vain if their high
	// share comes. Higher: faster while few come, and more are refused when that changes.
	risked = 0.03
	// highest is the high share at first. It falls by half in every halving seconds, down to
	// margin times what was measured, and rises at once.
	highest, halving, margin = 0.9, 120.0, 2.0
)

// ages are the seconds since a turn at which another estimate begins.
var ages = [...]int64{0, 5, 10, 15, 20, 30}

// Shows estimates which share of people come within the window after their turn, and when.
type Shows struct {
	// Bought are purchases by age, and Awaited for how many seconds somebody of that age was
	// awaited while there were tickets. Both fade.
	Bought, Awaited [len(ages)]float64
	// Seen and Foreseen are the last seconds' purchases, and what the estimate would have had.
	Seen, Foreseen float64
	// High is a share of people who come that is not expected, but may not do much harm.
	High float64

	yet [Window + 1]float64 // by age: the chance that somebody who has not come yet will
}

// learn takes in what has been bought since the last step, and returns the share.
func (s *Shows) learn(t *Turns, second int64, passed float64, selling bool) float64 {
	seen, foreseen := 0.0, 0.0
	var rates [len(ages)]float64
	for k := range rates {
		rates[k] = s.rate(k)
	}
	for i := range t.Seconds {
		e := &t.Seconds[i]
		k := bracket(age(second, e.At))
		bought := float64(e.Bought - e.Learnt)
		e.Learnt = e.Bought
		s.Bought[k] += bought
		// Nobody can buy while nothing is left, which means nothing for who would have come.
		if selling {
			awaited := float64(t.awaited(i)) * passed
			s.Awaited[k] += awaited
			seen += bought
			foreseen += float64(awaited * rates[k])
		}
	}
	fade := 1 / (1 + passed/memory)
	for k := range s.Bought {
		s.Bought[k] *= fade
		s.Awaited[k] *= fade
	}
	fade = 1 / (1 + passed/recent)
	s.Seen = (s.Seen + seen) * fade
	s.Foreseen = (s.Foreseen + foreseen) * fade

	// If more come than the estimate has, it is behind: those who come now are other people than
	// those it was learnt from.
	s.expect(max(1, (s.Seen+slack)/(s.Foreseen+slack)))
	share := max(s.yet[0], fewest)
	if s.High == 0 {
		s.High = highest
	}
	s.High = max(share, min(highest, margin*share), s.High/(1+passed*math.Ln2/halving))
	return share
}

// rate is how many of those awaited at an age buy, per second.
func (s *Shows) rate(k int) float64 {
	return (s.Bought[k] + presumed) / (s.Awaited[k] + presumedOver)
}

// expect fills yet, from rates that are a few times as high. The chance to stay away for a second is
// exp(-rate), of which this is the Padé approximant: an exponential function is not
// rounded alike everywhere.
func (s *Shows) expect(times float64) {
	away := 1.0
	for a := int64(Window); a >= 0; a-- {
		rate := min(2, s.rate(bracket(a))*times)
		away = max(never, away*((1-rate/2)/(1+rate/2)))
		s.yet[a] = 1 - away
	}
}

// demand is how many of those admitted are still expected to come: by the estimate, and if
// the high share of people came, at the same ages.
func (s *Shows) demand(t *Turns, second int64) (expected, high float64) {
	stay := 1 - s.yet[0]
	for i := range t.Seconds {
		a := age(second, t.Seconds[i].At)
		awaited := float64(t.awaited(i))
		expected += float64(awaited * s.yet[a])
		// Which part of those who come at all come after this age.
		after := 1.0
		if a > 0 {
			after = stay * s.yet[a] / ((1 - s.yet[a]) * s.yet[0])
		}
		high += awaited * s.High * after / (float64(s.High*after) + 1 - s.High)
	}
	return expected, high
}

// age is how long ago a second was; Redis's clock may have been set back since.
func age(now, second int64) int64 { return min(max(0, now-second), Window) }

// bracket is the estimate for an age.
func bracket(age int64) int {
	k := len(ages) - 1
	for ages[k] > age {
		k--
	}
	return k
}

// Orders is what those who bought took.
type Orders struct {
	Count, Tickets, Squares float64
}

// means are the mean quantity and the mean of its square, where ten have taken the limit before
// anything is known.
func (o Orders) means(limit float64) (mean, square float64) {
	const before = 10
	return (o.Tickets + before*limit) / (o.Count + before), (o.Squares + before*limit*limit) / (o.Count + before)
}
