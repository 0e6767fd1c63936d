package line

import "testing"

// second advances a line by one second.
func (f *Front) second(s Stock) int64 {
	s.Now = f.At/1000*1000 + 1000
	f.Advance(s)
	return s.Now
}

var plenty = Stock{Remaining: 1000, Total: 1000, Joined: 5000, Rate: 10, Limit: 4}

func TestFrontMovesOnceASecond(t *testing.T) {
	var f Front
	s := plenty
	s.Now = 5_000_100
	if !f.Advance(s) || f.Front == 0 {
		t.Fatalf("front is %d after the first step", f.Front)
	}
	before := f.Front
	for _, now := range []int64{5_000_100, 5_000_999, 4_996_000} {
		s.Now = now
		if f.Advance(s) || f.Front != before || f.At != 5_000_100 {
			t.Errorf("a second step at %d moves the front from %d to %d", now, before, f.Front)
		}
	}
	s.Now = 5_001_000
	if !f.Advance(s) || f.Front <= before {
		t.Errorf("front is %d in the next second, was %d", f.Front, before)
	}
}

// What was missed while nobody advanced the front is not made up for.
func TestOutageSavesNothingUp(t *testing.T) {
	var steady, stopped Front
	for range 10 {
		steady.second(plenty)
		stopped.second(plenty)
	}
	s := plenty
	s.Now = stopped.At + 60_000
	before := stopped.Front
	stopped.Advance(s)
	if moved, usual := stopped.Front-before, steady.Front/10; moved > 2*usual {
		t.Errorf("%d are admitted after an outage of a minute, %d in a usual second", moved, usual)
	}
}

func TestFrontStopsAtTheLastWhoJoined(t *testing.T) {
	var f Front
	s := plenty
	s.Joined = 7
	for range 5 {
		f.second(s)
	}
	if f.Front != 7 {
		t.Errorf("front is %d, want 7", f.Front)
	}
}

// The front never falls, whatever becomes of stock and places.
func TestFrontNeverFalls(t *testing.T) {
	var f Front
	before := int64(0)
	for _, s := range []Stock{plenty, {Remaining: 0, Total: 1000, Joined: 5000, Rate: 10, Limit: 4}, {}, {Joined: 1}, plenty} {
		for range 3 {
			f.second(s)
			if f.Front < before {
				t.Fatalf("front fell from %d to %d", before, f.Front)
			}
			before = f.Front
		}
	}
}

func TestTurns(t *testing.T) {
	var f Front
	s := plenty
	now := f.second(s)
	last := f.Front
	check := func(what string, place, late int64, want Turn) {
		t.Helper()
		if got := f.Turn(place, late, now); got != want {
			t.Errorf("%s: turn is %d, want %d", what, got, want)
		}
	}
	check("no place", 0, 0, NotYet)
	check("the last one admitted", last, 0, InTurn)
	check("the next one", last+1, 0, NotYet)

	// Nothing is left from now on: the stock holds the front.
	s.Remaining = 0
	for range Window {
		now = f.second(s)
	}
	check("in the last second of the window", last, 0, InTurn)
	now = f.second(s)
	check("after the window", last, 0, IsLate)
	ordinal := f.JoinLate()
	check("in the late line", last, ordinal, NotYet)

	s.Remaining = 2
	now = f.second(s)
	if f.Front != last {
		t.Errorf("%d newcomers are served before the late", f.Front-last)
	}
	check("called from the late line", last, ordinal, InTurn)

	s.Remaining, s.Total = 100_000, 100_000
	for range Window + 2 {
		now = f.second(s)
	}
	check("late, while only the rate holds the front", last, 0, InTurn)
}

// A place counts in the second that admitted it.
func TestBoughtCountsInTheSecondOfTheTurn(t *testing.T) {
	var f Front
	f.second(plenty)
	first := f.Front
	now := f.second(plenty)
	f.Bought(first, 0, 2, now)
	f.Bought(first+1, 0, 2, now)
	f.Bought(first+1, 0, 2, now+1000*(Window+5))
	for i, want := range []int64{1, 1} {
		if got := f.Turns.Seconds[i].Bought; got != want {
			t.Errorf("second %d: %d have bought, want %d", i, got, want)
		}
	}
	if f.Orders != (Orders{3, 6, 12}) {
		t.Errorf("orders are %+v", f.Orders)
	}
}

// A clock that was set back holds nothing up, and a front that was lost is given back.
func TestFrontGoesOnAfterLosses(t *testing.T) {
	var f Front
	s := plenty
	s.Now = 5_000_000
	f.Advance(s)
	before := f.Front
	s.Now = 4_000_000
	if !f.Advance(s) || f.Front < before {
		t.Errorf("front is %d after the clock was set back, was %d", f.Front, before)
	}
	s.Now += 1000
	if f.Advance(s); f.Front <= before {
		t.Errorf("front is %d a second later, want it above %d", f.Front, before)
	}
	f.Restore(1000)
	f.Restore(10)
	if f.Front != 1000 || f.Turn(1000, 0, s.Now) == NotYet {
		t.Errorf("front is %d after 1,000 were known", f.Front)
	}
}
