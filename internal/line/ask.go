package line

// How often those who wait look at the front.
const (
	// next is for how many seconds of the rate there are places before the front whose buyers are next in turn: a few
	// returned tickets let so many in at once. Higher: more of them ask every [nearest] second.
	next = 5
	// nearest is for how many seconds those next in turn do not ask again. Higher: they learn of their turn later. Nginx
	// has the front for up to two seconds, and they are to order within three.
	nearest = 0.75
	// soonest is the same of all others. Lower: more asks of those near the front.
	soonest = 3.0
	// latest is for how many seconds at most. Higher: fewer asks of those far behind, and a sale whose terms
	// change reaches them later.
	latest = 300.0
	// behindBy is how many seconds after a turn a buyer learns of it at most, however fast the front moves. Higher:
	// fewer asks, and less of [Window] is left to who learns of the turn late.
	behindBy = 20.0
	// spread is by which part of the wait some ask sooner, so that not all come back at once.
	spread = 0.25
)

// Fastest is how many places a second the front moves at most, for a rate of people expected per second: the rule
// admits no more, however few of them come.
func Fastest(rate int) float64 { return float64(max(1, rate)) / slowest }

// AskAgain is after how many seconds a buyer asks again for the front who has so many places to wait for, the own one
// included, in a sale with that rate of people a second: when the front is halfway if it moves by the rate, and before the fastest
// front could be [behindBy] past the place. Who is next in turn asks all the time. chance, from 0 to 1, spreads the
// buyers; 0 is the longest wait.
func AskAgain(ahead int64, rate int, chance float64) float64 {
	wait := halfway(ahead, rate)
	if float64(ahead) <= next*float64(max(1, rate)) {
		wait = nearest
	}
	return wait * (1 - spread*chance)
}

// AskAgainLate is AskAgain for a buyer in the late line. That is called as fast as the stock allows. Each ask is a purchase, which
// costs the nodes and Redis more than a page costs Nginx, so nobody asks all the time.
func AskAgainLate(ahead int64, rate int, chance float64) float64 {
	return min(halfway(ahead, rate), behindBy) * (1 - spread*chance)
}

// halfway is the longest wait of those who are not next in turn.
func halfway(ahead int64, rate int) float64 {
	places := float64(max(0, ahead))
	return max(soonest, min(places/float64(max(1, rate))/2, places/Fastest(rate)+behindBy, latest))
}
