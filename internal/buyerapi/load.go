package buyerapi

import "sync/atomic"

// priority is how long a kind of request is still let in while a node has more and more to do. What is let in longest
// is what others have paid for, or what gives tickets back.
type priority uint8

// From the first that is refused to the last.
const (
	buying priority = iota
	joining
	asking
	cancelling
	paying
	priorities
)

// shares are eighths of the requests that may be under way at once, up to which a priority is let in.
var shares = [priorities]int64{buying: 4, joining: 5, asking: 6, cancelling: 7, paying: 8}

// DefaultRequests is how many requests a node works on at once. Half of them are purchases at most, which a node decides
// within a third of a second. Raised, more buyers wait, and those whom Redis gets to after two seconds waited in
// vain; lowered, buyers are refused whom the node could have served within a moment.
const DefaultRequests = 16384

// load is what a node works on: requests that wait for Redis or have a token to verify. What is answered from memory is
// no load. Those that are too many are answered busy before anything is done for them.
type load struct {
	most  [priorities]int64
	under atomic.Int64
}

func newLoad(most int) *load {
	l := new(load)
	for p, share := range shares {
		l.most[p] = max(1, int64(most)*share/8)
	}
	return l
}

// enter reports whether a request is let in; leave must follow if it is.
func (l *load) enter(p priority) bool {
	if l.under.Add(1) <= l.most[p] {
		return true
	}
	l.under.Add(-1)
	return false
}

func (l *load) leave() { l.under.Add(-1) }
