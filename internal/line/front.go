package line

import "math"

// What the rule goes by. All of it was chosen in the simulation of TestRuleOfTheFront; docs/line.md
// has what that measured, and ADR 25 why.
const (
	// Window is for how many seconds a place that was admitted is awaited. Who comes later
	// takes turns in the late line. Higher: sales wait longer for people who do not come. Lower:
	// more people are late.
	Window = 45
	// patience is the same for the late line.
	patience = 60
	// longest is how much time one step makes up for, in seconds. Higher: after an outage many
	// are admitted at once.
	longest = 1.5
	// caution is how many standard deviations of the expected demand are kept free. Higher: fewer
	// are refused, and the last tickets wait for longer.
	caution = 2
	// slowest is the share of people who come from which on the rate admits no more of them.
	slowest = 0.1
	// setBack is by how many seconds Redis's clock may lag behind the last step before it counts as
	// set back.
	setBack = 5
	// enough is which part of one purchase may still be expected while another one is let try.
	enough = 0.1
)

// Front is how far a sale's line has been admitted, and what the rule remembers to move it on. Its
// zero value is a line of which nobody has been admitted.
type Front struct {
	Front  int64   // how many places have been admitted
	At     int64   // when it was last advanced, in Redis milliseconds
	Credit float64 // places that the rate would admit
	Free   bool    // what is late buys at once: the stock does not hold the front
	Turns  Turns
	Shows  Shows
	Orders Orders
	Late   Late
}

// Late is the line of those who came later than [Window] after their turn.
type Late struct {
	Joined int64 // the last ordinal given
	Called int64 // the last ordinal that may buy
	Turns  Turns
}

// Stock is what the rule has to know of the sale.
type Stock struct {
	Now       int64 // Redis milliseconds
	Remaining int64
	Total     int64
	Joined    int64 // places in all
	Rate      int64 // people expected to come, per second
	Limit     int64 // tickets a buyer may take
}

// Advance moves the front on, at most once in a second of Redis time however many call it. It
// reports whether it did its work; if not, nothing changed.
//
// Products that are added to are converted, so that no processor fuses the two: Redis does not.
//
// The rule: as many tries are let in as will leave caution standard deviations of the expected
// demand free, and no more than would sell the stock if a high share of people came.
func (f *Front) Advance(s Stock) bool {
	second := s.Now / 1000
	switch last := f.At / 1000; {
	case second < last-setBack:
		// Redis's clock was set back. Its seconds from before mean nothing now.
		f.Turns.settle(math.MaxInt64)
		f.Late.Turns.settle(math.MaxInt64)
	case second <= last:
		return false
	}
	passed := min(float64(max(0, s.Now-f.At))/1000, longest)
	f.At = s.Now
	f.Turns.settle(second - Window)
	f.Late.Turns.settle(second - patience)
	share := f.Shows.learn(&f.Turns, second, passed, s.Remaining > 0)

	room := f.room(s, second, share)
	step := float64(s.Rate) * passed / max(share, slowest)
	f.Credit = min(f.Credit+step, step+1)
	pace := math.Floor(f.Credit)

	room = f.callLate(second, room, share)
	f.Free = s.Remaining > 0 && (room >= pace || f.Front >= s.Joined)
	if front := min(s.Joined, f.Front+int64(min(pace, room))); front > f.Front {
		f.Credit -= float64(front - f.Front)
		f.Front = front
		f.Turns.admit(second, front)
	}
	return true
}

// Restore moves the front to one that somebody knows of and Redis has lost. Who was admitted up to it
// is awaited no more.
func (f *Front) Restore(front int64) {
	if front > f.Front {
		f.Front, f.Turns = front, Turns{Settled: front}
	}
}

// room is for how many more places there is stock.
func (f *Front) room(s Stock, second int64, share float64) float64 {
	remaining := float64(s.Remaining)
	mean, square := f.Orders.means(float64(s.Limit))
	expected, high := f.Shows.demand(&f.Turns, second)
	for i := range f.Late.Turns.Seconds {
		called := comeWhenCalled * float64(f.Late.Turns.awaited(i))
		expected, high = expected+called, high+called
	}
	expected, high = expected*mean, high*mean

	// The largest x with expected + x + caution √((expected + x) spread) ≤ remaining. Both
	// sides grow with expected + x, of which the root solves a quadratic equation.
	spread := square / mean
	root := (math.Sqrt(float64(caution*caution*spread)+4*remaining) - float64(caution*math.Sqrt(spread))) / 2
	room := math.Floor((float64(root*root) - expected) / (mean * share))
	bound := (remaining + float64(risked*float64(s.Total)) - high) / (mean * f.Shows.High)
	room = max(0, min(room, math.Floor(bound)))

	// With a few tickets left there is never room beside that caution. One try at a time
	// sells them.
	if one := min(remaining, mean); room == 0 && one > 0 && expected < enough*one {
		room = max(1, math.Floor(one/(2*mean*share)))
	}
	return room
}

// callLate serves the late line from room, and returns what it leaves: those in it want tickets
// and are there, so one of them takes the room of all who would have to be let in for one to come.
func (f *Front) callLate(second int64, room, share float64) float64 {
	each := math.Ceil(1 / share)
	waiting := float64(f.Late.Joined - f.Late.Called)
	if called := min(waiting, math.Ceil(room/each)); called > 0 {
		f.Late.Called += int64(called)
		f.Late.Turns.admit(second, f.Late.Called)
		room = max(0, room-called*each)
	}
	return room
}
