package generator

import "time"

// Run is what came of an order.
type Run struct {
	Intended  int64   // requests, or patient buyers, that were due: all of them, unless the run was stopped
	Sent      int64   // each either has an answer or is an error
	Completed int64   // answers that came whole, whatever their status
	Dropped   int64   // requests that found no connection in time, and have no latency
	Seconds   float64 // from the time of the first request to the last answer or error

	// Latencies by class of the answer: in an open loop from the time at which the
	// request was due, in a closed loop from its sending. Of a patient buyer the answer that
	// decided counts, from when the buyer was due. A class without answers is missing, and a
	// nil Latency is an empty one.
	Latencies map[Class]*Latency
	Statuses  map[int]int64
	Acks      []Ack
	SoldOut   []SoldOut
	// Errors by kind. Connections that could not be made, and those that spoke
	// unasked, count here and nowhere else: no request was on them.
	Errors map[string]int64

	// Behind is by how much the generator itself was late at worst, in an open loop: a
	// request was due and a connection free, and yet it was not sent. Such a run shows
	// less about the server than it seems to.
	Behind     time.Duration
	CPUSeconds float64 // of the whole generator's process, in this run
	Timeline   []Second

	Visits *Visits `json:",omitempty"` // of patient buyers; nil: they were not
}

// Visits are what came of patient buyers besides.
type Visits struct {
	Answers     map[string]int64 // by status and code, such as "409 sold-out"
	Lost        int64            // requests without a whole answer; their buyers sent them again
	Doubled     []string         // buyers whose repeated purchase named another order
	Forgotten   []string         // buyers whose order was not found again
	GaveUp      []string         // buyers whose patience ended without a decision: each may have an order
	Interrupted []string         // buyers whom a stop kept from a decision: each may have an order
	Unavailable []Unavailable    // every 503
	Latency     *Latency         // of all answers, from the sending of their request
}

// Unavailable is a 503, and when it was received, in Unix milliseconds.
type Unavailable struct {
	Code     string `json:"code"`
	Received int64  `json:"received"`
}

// Class sorts answers by what they mean to a buyer.
type Class string

// Every class.
const (
	ClassSold    Class = "sold"     // 201, and 200 for a replay; of joins, a place
	ClassSoldOut Class = "sold-out" // 409 with that code
	ClassLimited Class = "limited"  // 401, 403, 409 with any other code, 422, 429
	ClassBusy    Class = "busy"     // 503 and 504
	ClassError   Class = "error"    // no whole answer, or one that no buyer should get
)

// Ack is an order that a buyer was granted.
type Ack struct {
	Buyer string `json:"buyer"`
	Order string `json:"order"`
}

// SoldOut counts the sold-out answers to requests of the same two instants, in Unix
// milliseconds. Sent is the real time of sending, in an open loop too: only after it
// can the server have spoken.
type SoldOut struct {
	Sent     int64 `json:"sent"`
	Received int64 `json:"received"`
	Buyers   int64 `json:"buyers"`
}

// Second is what came in a tenth of a second. One without answers is there too: a gap
// is what a reader of the timeline looks for.
type Second struct {
	At      float64         `json:"at"` // seconds from the run's start to the tenth's
	Answers map[Class]int64 `json:"answers,omitempty"`
	P99     time.Duration   `json:"p99"` // latency of all answers and errors in it
}
