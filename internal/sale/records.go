package sale

import (
	"maps"
	"slices"
)

// Restock is one audited change of a sale's total.
type Restock struct {
	Key   string // makes it idempotent
	Delta int64
}

// Records are everything that is known of a sale and can't be counted anew:
// what the ledger keeps, and what Redis can be rebuilt from.
type Records struct {
	Sale     Sale  // Total and Closed as they are now
	Opened   int64 // the total that the sale was opened with
	Restocks map[string]int64
	Orders   map[OrderID]Order
	Payments map[PaymentID]Payment
	Lined    LineRecord      // of a sale that has a line
	Places   map[Buyer]Place // in the line; nil: there are none
}

// NewRecords are those of a sale of which nothing is known yet.
func NewRecords() Records {
	return Records{Restocks: map[string]int64{}, Orders: map[OrderID]Order{}, Payments: map[PaymentID]Payment{}}
}

// Clone is a copy that shares nothing.
func (r Records) Clone() Records {
	r.Restocks, r.Orders, r.Payments = maps.Clone(r.Restocks), maps.Clone(r.Orders), maps.Clone(r.Payments)
	r.Places = maps.Clone(r.Places)
	return r
}

// Counters counts the books anew: remaining is what the orders leave of the total.
func (r Records) Counters() Counters {
	c := Counters{Total: r.total()}
	for _, o := range r.Orders {
		switch o.State {
		case StateHeld:
			c.Held += int64(o.Quantity)
		case StatePaid:
			c.Paid += int64(o.Quantity)
		}
	}
	c.Remaining = c.Total - c.Held - c.Paid
	return c
}

// total is what opening and restocks add up to.
func (r Records) total() int64 {
	total := r.Opened
	for _, delta := range r.Restocks {
		total += delta
	}
	return total
}

// Sold is how many tickets the live orders keep.
func (r Records) Sold() int64 {
	c := r.Counters()
	return c.Held + c.Paid
}

// Lapsed is how many holds of each buyer ended unpaid by their deadline, of those that have.
func (r Records) Lapsed() map[Buyer]int {
	lapsed := map[Buyer]int{}
	for _, o := range r.Orders {
		if o.State == StateExpired {
			lapsed[o.Buyer]++
		}
	}
	return lapsed
}

// Refunded is how much of each payment goes back in parts, or has, of those of which any does.
func (r Records) Refunded() map[PaymentID]int64 {
	parts := map[PaymentID]int64{}
	for _, p := range r.Payments {
		if p.Of != "" {
			parts[p.Of] += p.Amount
		}
	}
	return parts
}

// Due is how many payments have to go back.
func (r Records) Due() (payments int) {
	for _, p := range r.Payments {
		if p.State == PaymentDue {
			payments++
		}
	}
	return payments
}

// Event is one entry of a sale's stream: what one script call changed.
type Event struct {
	ID       string // the stream's: milliseconds of Redis time, '-', number
	At       Instant
	Mark     Mark      // the event's place in the sale's chain
	Covered  string    // what the link of the mark covers
	Orders   []Order   // as they are since
	Payments []Payment // as they are since
	Traces   []Trace   // in which some of the orders were taken
	Places   []int64   // of the orders, where they were taken in turn: the positions of their buyers
	Opened   *Sale     // the definition, where the sale was opened
	Life     string    // of the opening, see [Chain]
	Changed  *Sale     // the definition as it is since, where an operator changed it; Total as in Opened
	Restock  *Restock
	Joins    []Placement // places that were given, or given back
	Lined    LineRecord  // what the event moved of the line; its front is that at which orders were taken, too
	Closed   *bool       // where the sale was closed (true) or reopened
	// Reconciled names the reconciliation that the event ends; empty for others.
	Reconciled string
	Fault      string // why the entry, or a part of it, can't be read; empty: all of it was
	Raw        string // the whole entry as JSON, where there is a fault
}

// Apply folds the event into the records. Events must come in their order; the
// same one twice changes nothing more.
func (r *Records) Apply(e Event) {
	for _, o := range e.Orders {
		r.Orders[o.ID] = o
	}
	for _, p := range e.Payments {
		r.Payments[p.ID] = p
	}
	if e.Opened != nil {
		r.Sale, r.Opened = *e.Opened, e.Opened.Total
	}
	if e.Changed != nil {
		r.Sale = *e.Changed
	}
	if e.Restock != nil {
		r.Restocks[e.Restock.Key] = e.Restock.Delta
	}
	r.Lined.Raise(e.Lined)
	r.Place(e.Joins)
	if e.Closed != nil {
		r.Sale.Closed = *e.Closed
	}
	// Not by Counters: over a stream that would count every order at every entry.
	r.Sale.Total = r.total()
}

// Place takes places in the line.
func (r *Records) Place(joins []Placement) {
	if len(joins) > 0 && r.Places == nil {
		r.Places = make(map[Buyer]Place, len(joins))
	}
	for _, j := range joins {
		r.Places[j.Buyer] = j.Place
	}
}

// Turn is the highest ordinal of the places, 0 if there is none.
func (r *Records) Turn() (highest Place) {
	for _, p := range r.Places {
		highest = max(highest, p)
	}
	return highest
}

// Page is a part of a sale's stream, and the sale's chain at the same instant.
type Page struct {
	At      Instant
	Chain   Chain  // of Redis, up to its last event
	Read    int64  // the last event of which Redis knows that a ledger has committed it
	Lost    string // why the sale is shut until it is reconciled, or ""
	Waiting int64  // entries in the stream
	Events  []Event
}

// Snapshot is all that Redis holds of a sale at one instant.
type Snapshot struct {
	Records
	At        Instant
	Counters  Counters
	Chain     Chain
	Read      int64                      // the last event of which Redis knows that a ledger has committed it
	Lost      string                     // why the sale is shut until it is reconciled, or ""
	Witness   Mark                       // what somebody has seen that the sale does not have, where that shut it
	Links     string                     // of the last [LinksKept] events, a ring: see LinkAt
	Buyers    map[Buyer]OrderID          // whose live order is which
	Live      map[OrderID]Buyer          // the same by order
	Deadlines map[OrderID]Instant        // of the holds, and perhaps of orders that are held no more
	Listed    map[PaymentID]PaymentState // the state that each payment is listed under; nil: it was not read
	Parts     map[PaymentID]int64        // Refunded as Redis has it; nil: it was not read
	Line      *Line                      // of a sale that has one, otherwise nil
	Entries   []byte                     // of the draw's list, as it is kept beside the places; short where parts are missing
	Stream    []Event                    // what no ledger has committed yet, oldest first
}

// LinksKept is how many events' links Redis keeps.
const LinksKept = 4096

// LinkAt is the link of an event of the present epoch, where Redis still has it.
func (s *Snapshot) LinkAt(seq int64) (link string, known bool) {
	at := int(seq%LinksKept) * LinkLength
	if seq < 1 || seq > s.Chain.Seq || seq <= s.Chain.Seq-LinksKept || at+LinkLength > len(s.Links) {
		return "", false
	}
	link = s.Links[at : at+LinkLength]
	return link, link[0] != 0 // what was never written is NUL
}

// Follow takes an event that came after the snapshot was begun.
func (s *Snapshot) Follow(e Event) {
	s.Apply(e)
	if s.Listed != nil {
		for _, p := range e.Payments {
			s.Listed[p.ID] = p.State
		}
	}
	if s.Parts != nil && slices.ContainsFunc(e.Payments, func(p Payment) bool { return p.Of != "" }) {
		// What was read may have the event already, or not.
		refunded := s.Refunded()
		for _, p := range e.Payments {
			if p.Of != "" {
				s.Parts[p.Of] = refunded[p.Of]
			}
		}
	}
	for _, o := range e.Orders {
		if o.State.Live() {
			s.Buyers[o.Buyer], s.Live[o.ID] = o.ID, o.Buyer
		} else {
			delete(s.Live, o.ID)
			if s.Buyers[o.Buyer] == o.ID {
				delete(s.Buyers, o.Buyer)
			}
		}
		if o.State == StateHeld {
			s.Deadlines[o.ID] = o.Expires
		}
	}
}

// Book is what the ledger holds of a sale at one instant.
type Book struct {
	Records
	Mark Mark // of the last event that it has
	// Changed and PaymentsChanged are when each order and payment came to its
	// state, in Redis time: a snapshot from before can't know.
	Changed         map[OrderID]Instant
	PaymentsChanged map[PaymentID]Instant
	// Unreadable counts stream entries that were quarantined, see the ledger.
	Unreadable int64
}
