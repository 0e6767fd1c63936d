package sale

// OrderID is a UUIDv7 in its text form, made once on the node that took the
// claim: sorted by time for the ledger's index, unguessable for everyone else.
type OrderID string

// State is where an order stands.
type State string

// An order is held, then paid, expired or cancelled; a paid one may be
// refunded. One that costs nothing begins as paid. Every arrow is taken by one
// script, once.
const (
	StateHeld      State = "held"
	StatePaid      State = "paid"
	StateExpired   State = "expired"
	StateCancelled State = "cancelled"
	StateRefunded  State = "refunded"
)

// Live reports whether the order keeps its tickets: held or paid. A buyer
// has at most one live order in a sale.
func (s State) Live() bool { return s == StateHeld || s == StatePaid }

// Order is a hold and what became of it.
type Order struct {
	ID       OrderID
	Buyer    Buyer
	Quantity int
	State    State
	Created  Instant // when Redis granted the hold
	Expires  Instant // the hold's payment deadline; Created where no payment was awaited
}

// Free reports whether the order cost nothing: it was paid when it was taken, and never held.
// It keeps that whatever the sale costs later.
func (o Order) Free() bool { return o.State != StateHeld && o.Expires == o.Created }

// Taken reports whether the order is as it was when it was taken: held, or paid if it is free.
func (o Order) Taken() bool { return o.State == StateHeld || o.State == StatePaid && o.Free() }

// Claim is one buyer's request after a local hit, before Redis has decided.
type Claim struct {
	Order    OrderID // made once; every re-send carries the same
	Buyer    Buyer
	Quantity int
	Deadline Instant // past it the script refuses, so that a late re-send can't sell
	Place    int64   // the buyer's position in the line, from 1 on; 0: none
	Trace    *Trace  // that the claim belongs to; nil: none is recorded
}

// Outcome is a business result. Infrastructure failures are errors instead,
// so that "Redis is down" can never turn into "sold out".
type Outcome uint8

// The outcomes of a claim.
const (
	NoOutcome      Outcome = iota // beside an error; never an answer
	Held                          // a new hold; or, if the sale costs nothing, a new order that is paid
	Replayed                      // the same order again: the claim's own, or the buyer's live one of the same quantity
	AlreadyOrdered                // the buyer has a live order of another quantity
	SoldOut                       // Redis reported remaining = 0
	NotEnough                     // 0 < remaining < quantity
	NotOpen                       // the window has not opened
	Closed                        // the window or the operator closed the sale
	Late                          // Redis saw the claim past its deadline: not sold, and it never will be
	Busy                          // no local stock within the refill wait, or a full queue
	HoldLimit                     // as many holds of the buyer lapsed as the sale allows
	NotYourTurn                   // the front of the line has not come to the buyer's place, or the late line to its ordinal
)

var outcomeNames = [...]string{
	"none", "held", "replayed", "already-ordered", "sold-out",
	"not-enough", "not-open", "closed", "late", "busy", "hold-limit", "not-your-turn",
}

// Outcomes is how many outcomes there are, for tables indexed by one.
const Outcomes = len(outcomeNames)

// String is the outcome's stable name: a metric label and a problem code.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "invalid"
}

// Decision is what became of a claim.
type Decision struct {
	Outcome   Outcome
	Order     Order // set for Held, Replayed and AlreadyOrdered
	Remaining int64 // set for NotEnough: what is left
	Front     int64 // of a sale that admits buyers in turn: how many places have been admitted
	Ahead     int64 // set for NotYourTurn of a buyer who came late: how many of the late line are called first
}
