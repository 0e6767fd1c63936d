package remotestock

import (
	"testing"
	"time"

	"onsale/internal/sale"
)

// base is when the tests' clock was read first, since boot and by Redis's clock.
const base, noon = 1000 * time.Second, sale.Instant(1_800_000_000_000)

// TestAClockThatIsSetIsNoticed takes readings one after the other. Each comes so long after
// the first, took so long, and shows a clock that is so far ahead of what has passed.
func TestAClockThatIsSetIsNoticed(t *testing.T) {
	type reading struct {
		after, took, ahead time.Duration
		step               time.Duration // as it must be found
	}
	const s, hour = time.Second, time.Hour
	for name, readings := range map[string][]reading{
		"one that goes on":                           {{s, 0, 0, 0}, {2 * s, 100 * time.Millisecond, 0, 0}, {hour, 0, 0, 0}},
		"one that drifts, or is slewed":              {{s, 0, s, 0}, {2 * s, 0, 2 * s, 0}, {3 * s, 0, 3 * s, 0}},
		"one that was not read for a day":            {{24 * hour, 0, 10 * s, 0}},
		"set forward, and back":                      {{s, 0, 0, 0}, {2 * s, 0, hour, hour}, {3 * s, 0, hour, hour}, {4 * s, 0, 0, 0}, {5 * s, 0, 0, 0}},
		"set back, and forward":                      {{s, 0, -hour, -hour}, {2 * s, 0, -hour, -hour}, {3 * s, 0, 0, 0}},
		"set twice":                                  {{s, 0, hour, hour}, {2 * s, 0, 3 * hour, 3 * hour}, {3 * s, 0, -hour, -hour}},
		"set, and slewed after that":                 {{s, 0, hour, hour}, {2 * s, 0, hour + s, hour}, {3 * s, 0, hour + 2*s, hour}, {4 * s, 0, hour, hour}},
		"set by a failover to a host that is behind": {{s, 0, -5 * s, -5 * s}, {2 * s, 0, -5 * s, -5 * s}},
		// Redis may have answered at the beginning of the call or at its end.
		"a call that took long":             {{20 * s, 20 * s, 10 * s, 0}, {21 * s, 0, 0, 0}},
		"a reply that was overtaken":        {{10 * s, 0, 0, 0}, {5 * s, 0, 0, 0}, {11 * s, 0, 0, 0}},
		"an overtaken one, while it is set": {{10 * s, 0, hour, hour}, {9 * s, 0, hour, hour}, {11 * s, 0, hour, hour}},
	} {
		t.Run(name, func(t *testing.T) {
			var c clock
			if at, step := c.take(noon, base, base); at != noon || step != 0 {
				t.Fatalf("got %v and %v of the first, want it believed", at, step)
			}
			slewed := time.Duration(0)
			for i, r := range readings {
				received := base + r.after
				middle := r.after - r.took/2
				at, step := c.take(noon.Add(middle+r.ahead), received-r.took, received)
				if step != r.step {
					t.Fatalf("reading %d: got a step of %v, want %v", i+1, step, r.step)
				}
				if slewed = r.ahead - r.step; at != noon.Add(middle+slewed) {
					t.Errorf("reading %d: got the time %v, want %v", i+1, at.Sub(noon), middle+slewed)
				}
			}
		})
	}
}

// TestTheFirstReadingIsBelieved, whatever its time: there is nothing to compare it with.
func TestTheFirstReadingIsBelieved(t *testing.T) {
	var c clock
	if _, known := c.now(); known {
		t.Error("got a time before the first reading")
	}
	boot := sinceBoot()
	c.take(noon, boot, boot)
	at, known := c.now()
	if passed := at.Sub(noon); !known || passed < 0 || passed > time.Minute {
		t.Errorf("got %v after the first reading, %v, want some microseconds", passed, known)
	}
}
