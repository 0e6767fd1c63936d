package reconcile

import "onsale/internal/sale"

// Side is one of the two records of a sale.
type Side struct {
	Records sale.Records
	Chain   sale.Chain // how far it goes

	// The following are known of Redis alone.

	// Read is the number up to which the ledger has reported its commits to
	// Redis. Redis drops an ended order only if its ending is among these.
	Read int64
	// LinkAt is the link of an event of the present epoch, as long as Redis keeps
	// it. A nil LinkAt knows none.
	LinkAt func(seq int64) (link string, known bool)
	// Selling is false if the ledger has never recorded this opening of the sale:
	// such a sale is refused by every script, so it has sold nothing.
	Selling bool
}

// linkAt is the link of an event on the side's chain, where it is known.
func (s *Side) linkAt(m sale.Mark) (link string, known bool) {
	switch {
	case s == nil || m.Epoch != s.Chain.Epoch:
		return "", false
	case m.Seq == s.Chain.Seq:
		return s.Chain.Link, true
	case s.LinkAt == nil || m.Seq > s.Chain.Seq:
		return "", false
	}
	return s.LinkAt(m.Seq)
}

// Hold is a hold that a node acknowledged within the last minute, or an order that was free.
type Hold struct {
	Order sale.Order
	Mark  sale.Mark // a position at which the order was held: that of the reply
	Again bool      // the claim was sent again: another event, an earlier one, granted it
	Life  string    // of the sale that granted it
	Node  string
}

// Input is all that is left of a sale. At least one side must be there.
type Input struct {
	Redis, Ledger *Side
	Holds         []Hold
	Seen          []sale.Mark  // the highest that each node has seen
	Now           sale.Instant // Redis time
}

// TwoOrders is which of a buyer's live orders stays, by when they were created.
type TwoOrders string

// What may be decided of a buyer's live orders.
const (
	KeepFirst TwoOrders = "keep-first"
	KeepLater TwoOrders = "keep-later"
)

// Oversold is what is done if the live orders exceed the total.
type Oversold string

// What may be decided of an oversold sale.
const (
	RaiseTotal  Oversold = "raise-total"  // by what is missing, as a restock
	RefundLater Oversold = "refund-later" // the orders created last, until the rest fit
)

// Lives is what is done with records of two sales under one id.
type Lives string

// What may be decided of two sales under one id.
const (
	MergeLives Lives = "merge" // one sale with the orders of both
)

// NoDecision is the zero value of [TwoOrders], [Oversold] and [Lives]: what needs the
// decision stays a case for the operator.
const NoDecision = ""

// Decisions are the operator's. The zero value decides nothing. A decision for
// which there is no case does nothing.
type Decisions struct {
	Keep      map[sale.Buyer]sale.OrderID // which of a buyer's live orders stays; before TwoOrders
	TwoOrders TwoOrders                   // for all buyers that Keep does not name
	Oversold  Oversold
	Lives     Lives
	Restocks  map[string]int64 // the delta of a restock that the records have with two
}
