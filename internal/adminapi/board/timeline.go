package board

import "time"

// Kind is what happened. The set is closed: the page has words for each.
type Kind string

// What happens to a site: every viewer sees it.
const (
	Joined    Kind = "joined"  // a node came, or came back
	Left      Kind = "left"    // a node went after it had announced that
	Killed    Kind = "killed"  // a node went without a word: it was killed, or is cut off
	Drained   Kind = "drained" // an operator took a node out
	Undrained Kind = "undrained"
	Unready   Kind = "unready" // a node that runs sells nothing
	Ready     Kind = "ready"
	RedisAway Kind = "redis-away"
	RedisBack Kind = "redis-back"
	Leading   Kind = "leading" // this allocator plans from now on
	Standby   Kind = "standby"
)

// What happens to a sale: who looks at it sees it.
const (
	Opened     Kind = "opened" // its window
	Closed     Kind = "closed" // its window, or by an operator
	Planned    Kind = "planned"
	SoldOut    Kind = "sold-out"
	Returned   Kind = "returned" // tickets of a sale that was sold out
	Restocked  Kind = "restocked"
	Drawn      Kind = "drawn"
	Shut       Kind = "shut" // it has lost data
	Reconciled Kind = "reconciled"
)

// Event is one thing that happened.
type Event struct {
	Number  int64     `json:"number"` // rises with each event of this allocator
	At      time.Time `json:"at"`
	Kind    Kind      `json:"kind"`
	Node    string    `json:"node,omitempty"`
	Sale    string    `json:"sale,omitempty"`
	Reason  string    `json:"reason,omitempty"`  // of a plan, and why a sale is shut
	Nodes   int       `json:"nodes,omitempty"`   // of a plan
	Plan    int64     `json:"plan,omitempty"`    // its generation
	Tickets int64     `json:"tickets,omitempty"` // that returned, or by which the total changed
}

const (
	// siteEvents and saleEvents are how many events are remembered of the site, and of one sale. Raised, they cost memory;
	// lowered, a viewer who comes late sees less of what happened.
	siteEvents = 200
	saleEvents = 100
)

// timeline is the last events, by number.
type timeline struct {
	most   int
	events []Event
}

func (t *timeline) add(e Event) {
	if len(t.events) >= t.most {
		t.events = append(t.events[:0], t.events[len(t.events)-t.most+1:]...)
	}
	t.events = append(t.events, e)
}

// merged are the events of both lists after a number, by number.
func merged(a, b []Event, after int64) []Event {
	all := make([]Event, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].Number < a[0].Number {
			from = &b
		}
		if e := (*from)[0]; e.Number > after {
			all = append(all, e)
		}
		*from = (*from)[1:]
	}
	return all
}
