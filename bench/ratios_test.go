package main

import "testing"

// A run in which a claim was sent again is no measure of what a purchase costs; where 200 is no order, it is a fault.
func TestStalledRunsAreMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		statuses map[int]int64
		want     int
		stalled  bool
	}{
		"all sold":      {map[int]int64{201: 9}, 201, false},
		"answered busy": {map[int]int64{201: 8, 503: 1}, 201, true},
		"sent again":    {map[int]int64{200: 1, 201: 8}, 201, true},
		"refused":       {map[int]int64{201: 8, 409: 1}, 201, false},
		"not sold out":  {map[int]int64{200: 1, 409: 8}, 409, false},
	} {
		if got := stalled(c.statuses, c.want); got != c.stalled {
			t.Errorf("%s: got %v, want %v", name, got, c.stalled)
		}
	}
}
