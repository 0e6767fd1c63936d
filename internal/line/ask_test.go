package line

import (
	"fmt"
	"math"
	"testing"
)

// fronts plays a line second by second, and returns the front of each. From away on nobody comes, which has the front move as
// fast as it can once the rule has noticed.
func fronts(rate, joined int64, seconds, away int) []int64 {
	var f Front
	all := make([]int64, seconds)
	s := Stock{Now: opening, Remaining: 1 << 40, Total: 1 << 40, Joined: joined, Rate: rate, Limit: limit}
	for i := range all {
		s.Now += 1000
		f.Advance(s)
		if all[i] = f.Front; i < away {
			// All come who were admitted, at once.
			for place := all[max(i-1, 0)] + 1; i > 0 && place <= f.Front; place++ {
				f.Bought(place, 0, 1, s.Now)
			}
		}
	}
	return all
}

// Buyers who asked by half of the way at the rate alone did so too rarely: while few come, the front is ten times as fast, and they learned of their
// turn up to four minutes after it.
func TestNobodyLearnsOfATurnLate(t *testing.T) {
	t.Parallel()
	for _, rate := range []int64{1, 10, 100, 500, 5000} {
		for _, away := range []int{0, 30, 120} {
			t.Run(fmt.Sprintf("%d a second, nobody comes after %d s", rate, away), func(t *testing.T) {
				t.Parallel()
				const seconds = 1500
				joined := rate * 4000
				all := fronts(rate, joined, seconds, away)
				late, fastest := 0.0, int64(0)
				for i := 1; i < seconds; i++ {
					fastest = max(fastest, all[i]-all[i-1])
				}
				for place := int64(1); place <= joined; place += 1 + joined/5000 {
					late = max(late, lateness(all, place, int(rate)))
				}
				// The front moves once a second, and spends what it has saved up: a step.
				if bound := behindBy + 2; late > bound {
					t.Errorf("a buyer learns of the turn %.0f s after it, want at most %.0f", late, bound)
				}
				if want := Fastest(int(rate)); float64(fastest) < .9*want || float64(fastest) > want+1 {
					t.Errorf("the front moved by up to %d a second, want %.0f: the test is of the fastest", fastest, want)
				}
			})
		}
	}
}

// lateness is how many seconds after the turn a buyer learns of it who always takes the longest wait.
func lateness(fronts []int64, place int64, rate int) float64 {
	for now := 0.0; int(now) < len(fronts); {
		front := fronts[int(now)]
		if front >= place {
			turn := int(now)
			for turn > 0 && fronts[turn-1] >= place {
				turn--
			}
			return now - float64(turn)
		}
		now += AskAgain(place-front, rate, 0)
	}
	return 0 // the turn does not come
}

func TestAskAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ahead       int64
		rate        int
		least, most float64
	}{
		"at the front":       {1, 100, 0.5625, 0.75},
		"past it":            {-5, 100, 0.5625, 0.75},
		"next in turn":       {500, 100, 0.5625, 0.75},
		"behind those":       {501, 100, 2.25, 3},
		"half of the way":    {2000, 100, 7.5, 10},
		"far behind":         {100_000, 500, 30, 40},
		"at the very end":    {1_000_000, 100, 225, 300},
		"of an unknown rate": {4, 0, 0.5625, 0.75},
	} {
		if got := [2]float64{AskAgain(c.ahead, c.rate, 1), AskAgain(c.ahead, c.rate, 0)}; got != [2]float64{c.least, c.most} {
			t.Errorf("%s: got %v to %v s, want %v to %v", name, got[0], got[1], c.least, c.most)
		}
	}
	if far, near := AskAgainLate(1_000_000, 1, 0), AskAgainLate(0, 100, 0); far != behindBy || near != soonest {
		t.Errorf("the late line: got %v and %v s, want %v and %v", far, near, behindBy, soonest)
	}
}

// TestAMillionWaitingPages: docs/api.md has how often they ask.
func TestAMillionWaitingPages(t *testing.T) {
	t.Parallel()
	for rate, want := range map[int]float64{100: 6900, 500: 19_000, 5000: 92_000} {
		asks := 0.0
		for place := int64(1); place <= 1_000_000; place++ {
			// The mean of 1/(1 - spread*chance) over all chances.
			asks += 1 / AskAgain(place, rate, 0) * -math.Log(1-spread) / spread
		}
		if math.Abs(asks-want) > .01*want {
			t.Errorf("%d people a second: got %.0f asks a second, want some %.0f", rate, asks, want)
		}
	}
}
