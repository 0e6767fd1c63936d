package generator

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// Order is one run that is asked of the generator.
type Order struct {
	Addr string // host:port of the server
	Sale string
	// First and Requests: buyers First … First+Requests-1 send one request each, but
	// every Again-th request is sent by the buyer of the one before, who is mostly not
	// answered yet: one order a buyer is a duty that costs something only where
	// buyers ask twice. 0: nobody does.
	First    int
	Requests int
	Again    int
	// Buyers: if it is not 0, only so many come, from First on, and each sends every Buyers-th request: as hostile ones
	// do. 0: as many as there are requests.
	Buyers int
	// Joins: the requests are joins of the sale's line. Each place is an Ack, with the place as its Order.
	Joins bool
	// Keep: the generator remembers the place token of every buyer who joins, some 300 bytes each, for a later run of
	// purchases that has Places.
	Keep bool
	// Places: purchases carry the place tokens that a run with Keep has left.
	Places bool
	// Connections are kept open. In a closed loop they are the buyers at the same
	// time. In an open loop too few make requests wait in line that the server could
	// have taken; more cost it memory.
	Connections int
	// Rate is the requests a second of an open loop; 0 is a closed loop.
	Rate float64
	// Late is how long after its time a request of an open loop may still be sent.
	// What finds no connection until then is dropped and counted. Longer shows the
	// whole wait of an overloaded server; shorter bounds how long a run outlasts its
	// schedule. A closed loop has no use for it, nor have patient buyers, who all come.
	Late time.Duration
	// Timeout makes a slower answer an error, and its connection is replaced. Longer
	// waits for what no buyer would; shorter turns a stall into errors.
	Timeout time.Duration
	// Patience makes buyers patient: each keeps its connection and sends its request again until it
	// has an order or there truly is none for it, or until it has tried for so long. Longer outlasts
	// more failures of the server; shorter ends a run sooner whose server stays away. 0: a request
	// each, and whatever it is answered counts.
	Patience time.Duration
	// Repeat: one patient buyer in so many sends its purchase again once it has an order, and must be
	// answered with the same one. More of them find more of what is forgotten, and are more load. 0: none.
	Repeat int
}

// buyer is who sends the request of that number.
func (o Order) buyer(request int) int {
	if o.Again > 0 && request%o.Again == o.Again-1 {
		request--
	}
	if o.Buyers > 0 {
		request %= o.Buyers
	}
	return o.First + request
}

// buyers is how many come.
func (o Order) buyers() int {
	if o.Buyers > 0 {
		return min(o.Buyers, o.Requests)
	}
	return o.Requests
}

// open reports whether requests are sent on schedule.
func (o Order) open() bool { return o.Rate > 0 }

// patient reports whether buyers try again.
func (o Order) patient() bool { return o.Patience > 0 }

// MaxConnections is the most that one run may have. It leaves a server's address some of the 28,000 ports that Linux has
// for connections to it, for those that are being closed.
const MaxConnections = 20_000

// MaxRate is how many requests a second a run may be asked for: more than one thread can send.
const MaxRate = 1_000_000

// Validate reports every fault at once, or returns nil.
func (o Order) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	_, _, err := net.SplitHostPort(o.Addr)
	check(err == nil, "address %q: want host:port", o.Addr)
	check(o.Sale != "", "sale: missing")
	check(o.First >= 0, "first buyer %d: want at least 0", o.First)
	check(o.Requests > 0, "requests %d: want at least 1", o.Requests)
	check(o.Again == 0 || o.Again > 1, "again %d: want 0, or 2 and more", o.Again)
	check(o.Buyers >= 0 && (o.Buyers == 0 || o.Again == 0), "buyers %d: want 0, or 1 and more without again", o.Buyers)
	check(!o.Keep || o.Joins, "keep: only joins have place tokens")
	check(!o.Places || !o.Joins, "places: only purchases carry place tokens")
	check(o.Connections > 0 && o.Connections <= MaxConnections, "connections %d: want 1 to %d", o.Connections, MaxConnections)
	check(o.Rate >= 0 && o.Rate <= MaxRate, "rate %v: want 0 to %d a second", o.Rate, MaxRate)
	check(!o.open() || o.patient() || o.Late > 0, "late %v: want more than 0 in an open loop", o.Late)
	check(o.Timeout > 0, "timeout %v: want more than 0", o.Timeout)
	check(o.Patience >= 0, "patience %v: want at least 0", o.Patience)
	check(o.Repeat == 0 || o.Repeat > 0 && o.patient(), "repeat %d: want 0, or 1 and more of patient buyers", o.Repeat)
	check(o.Again == 0 || !o.patient(), "again %d: want 0 of patient buyers, who have repeat", o.Again)
	return errors.Join(faults...)
}

// Buyer is the name of the buyer of that number.
func Buyer(number int) string { return "buyer-" + strconv.Itoa(number) }
