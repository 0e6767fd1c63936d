package capacity

import (
	"errors"
	"fmt"
	"math"
	"time"

	"onsale/internal/line"
)

// Demand is a sale and what its buyers do.
type Demand struct {
	Buyers  float64       `json:"buyers"` // who come
	Tickets float64       `json:"tickets"`
	Within  time.Duration `json:"-"` // in which they come, evenly
	// LineRate is how many people a second the line admits; 0: the sale is open to all.
	LineRate int `json:"line_rate"`
	// Tries is how many purchases each buyer sends, tries after "busy" and "sold out" included. More cost most after the sale.
	Tries float64 `json:"tries"`
	// Looks is how often each buyer's page asks for the sale's document before the purchase.
	Looks float64 `json:"looks"`
	TLS   bool    `json:"tls"`
	// Cores are those of each machine.
	Cores int `json:"cores"`
	// EdgeConnections is how many a worker of Nginx may have, of which there is one for each core.
	EdgeConnections int `json:"edge_connections"`
	// Headroom is how many times more is planned than is needed on average. Lower is cheaper; higher stands crowds that
	// don't come evenly, and machines that fail.
	Headroom float64 `json:"headroom"`
}

// DefaultDemand is a demand without buyers and tickets.
func DefaultDemand() Demand {
	return Demand{Within: time.Minute, Tries: 2, Looks: 2, TLS: true, Cores: 8, EdgeConnections: edgeConnections, Headroom: 2}
}

// most bounds buyers and tickets: some more than there are people.
const most = 1e10

// Validate reports every fault at once, or nil.
func (d Demand) Validate() error {
	var faults []error
	// A NaN is not within any bounds.
	within := func(v, low, high float64, flag, want string) {
		if !(v >= low && v <= high) {
			faults = append(faults, fmt.Errorf("%s %v: want %s", flag, v, want))
		}
	}
	within(d.Buyers, 1, most, "--buyers", "1 to 1e10")
	within(d.Tickets, 1, most, "--tickets", "1 to 1e10")
	within(d.Within.Seconds(), 1, (30 * 24 * time.Hour).Seconds(), "--open-within, in seconds,", "1s to 720h")
	within(float64(d.LineRate), 0, 1_000_000, "--line-rate", "0, for a sale without a line, to 1000000")
	within(d.Tries, 1, 1000, "--tries", "1 to 1000")
	within(d.Looks, 0, 1000, "--looks", "0 to 1000")
	within(float64(d.Cores), 1, 1024, "--cores", "1 to 1024")
	within(float64(d.EdgeConnections), 100, 10_000_000, "--edge-connections", "100 to 10000000")
	within(d.Headroom, 1, 100, "--headroom", "1 to 100")
	return errors.Join(faults...)
}

// asks is how often a second the pages of a line ask for its document, one at each of so many places; and how many of these asks
// come so long after the one before that Nginx has closed the connection.
func asks(places float64, rate int) (all, anew float64) {
	const chances = 10 // over which the waits are spread, as bench waiting does
	// Places in steps of a hundredth: the sum over hundreds of millions would take seconds.
	for from := 1.0; from <= places; {
		step := math.Max(1, math.Floor(from/100))
		step = math.Min(step, places-from+1)
		middle := int64(from + (step-1)/2)
		for c := range chances {
			wait := line.AskAgain(middle, rate, (float64(c)+.5)/chances)
			n := step / wait / chances
			all += n
			if wait > edgeKeepAlive.Seconds() {
				anew += n
			}
		}
		from += step
	}
	return all, anew
}
