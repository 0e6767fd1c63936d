package sale

import "time"

// Generation numbers a plan or a state of the stock. It only rises, also
// after data loss: each is max(old + 1, Redis milliseconds).
type Generation int64

// Allotment is one node's share of a plan: what it may claim.
type Allotment struct {
	Generation Generation // of the plan
	Slice      int64
	Buffer     int64
}

// Reading is what every reply of every script says about a sale's stock.
type Reading struct {
	Sent      time.Time // when the call was sent, on this process's monotonic clock
	At        Instant   // Redis time, read inside the script
	Remaining int64
	Stock     Generation // stock generation
	Plan      Generation // plan generation, 0 before the first plan
	// Allotment is this node's, set only if the plan is newer than the
	// caller said it knew; the zero Allotment otherwise.
	Allotment Allotment
}

// Counters are a sale's books: remaining + held + paid = total, always.
type Counters struct {
	Total, Remaining, Held, Paid int64
}

// Conserved reports whether the books balance and nothing is negative.
func (c Counters) Conserved() bool {
	return c.Remaining >= 0 && c.Held >= 0 && c.Paid >= 0 &&
		c.Remaining+c.Held+c.Paid == c.Total
}

// Share is one line of a plan: the node and what it may claim, and, when
// read back, what it has claimed under that plan.
type Share struct {
	Node    string
	Slice   int64
	Buffer  int64
	Claimed int64
}

// Grant is a draw's answer to a dry node.
type Grant struct {
	Reading Reading
	// Outcome is Undecided where the draw went through, and SoldOut,
	// NotEnough, NotOpen or Closed where it did not.
	Outcome Outcome
	// Tickets is what the node may claim on top; 0 where the reading brings
	// a newer allotment that is enough.
	Tickets int64
}

// Survey is one consistent read of everything a plan depends on. The books
// and the shares are of the same instant as the reading: a survey stitched
// together from several calls would show claims that Remaining doesn't know.
type Survey struct {
	Sale     Sale
	Reading  Reading
	Counters Counters
	Mark     Mark       // of the last event
	Lost     string     // why the sale is shut until it is reconciled, or ""
	Recorded bool       // a ledger has recorded the opening, or the site has none: it may sell
	Planned  Generation // the stock generation that the current plan was made for; 0 without a plan
	Shares   []Share    // of the plan Reading.Plan, with its claims so far; empty before the first plan
}
