package sale

import "time"

// Generation numbers a plan, a state of the stock, or the holder of a lease. It only rises, also
// after data loss: each is max(old + 1, Redis milliseconds).
type Generation int64

// Allotment is one node's share of a plan: what it may claim.
type Allotment struct {
	Generation Generation // of the plan
	Slice      int64
	Buffer     int64
}

// Reading is what every reply of a sale's script reports about its stock.
type Reading struct {
	Sent      time.Time // when the call was sent, on this process's monotonic clock
	At        Instant   // Redis time, read inside the script
	Remaining int64
	Stock     Generation // stock generation
	Plan      Generation // plan generation, 0 before the first plan
	// Allotment is this node's, set only if the plan is newer than the
	// one that the caller knew; the zero Allotment otherwise.
	Allotment Allotment
	// Line is set by a read of a sale that has one; otherwise nil.
	Line *Line
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

// shareLine is how Redis keeps a share, beside its node and what that has claimed. The
// scripts read slice and buffer and carry on what they do not know. One more field is one
// more line here, after the last.
var shareLine = line[Share]{placed: 2, least: 2, fields: []field[Share]{
	number("slice", 1, func(s *Share) *int64 { return &s.Slice }),
	number("buffer", 1, func(s *Share) *int64 { return &s.Buffer }),
}}

// Encode is the share as the plan's record keeps it, beside its node and its claims.
func (s Share) Encode() string { return shareLine.encode(s) }

// DecodeShare is the inverse of Encode. A plan is a hint: a share that can't be read is
// nothing, and no failure. It ignores fields of a later version.
func DecodeShare(record string) Share {
	s, err := shareLine.decode(record)
	if err != nil || s.Slice < 0 || s.Buffer < 0 {
		return Share{}
	}
	return s
}

// Left is what the node may still claim under that plan. A node that was restarted under
// its name gets what is left of its slice, then of its buffer.
func (s Share) Left(plan Generation) Allotment {
	return Allotment{
		Generation: plan,
		Slice:      max(0, s.Slice-s.Claimed), Buffer: max(0, s.Buffer-max(0, s.Claimed-s.Slice)),
	}
}

// Grant is a refill's answer to a dry node.
type Grant struct {
	Reading Reading
	Result  GrantResult
	// Tickets is what the node may claim on top; 0 if the reading brings
	// a newer allotment that is enough.
	Tickets int64
}

// GrantResult is the result of a refill, by the name that lua/refill.lua returns. It is empty
// beside an error.
type GrantResult string

// The results of a refill.
const (
	Granted        GrantResult = "granted"    // Tickets may be claimed, or the reading's allotment
	GrantSoldOut   GrantResult = "sold-out"   // nothing remains
	GrantNotEnough GrantResult = "not-enough" // less remains than the quantity that was asked for
	GrantNotOpen   GrantResult = "not-open"   // the window has not opened
	GrantClosed    GrantResult = "closed"     // the window or the operator closed the sale
)

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
