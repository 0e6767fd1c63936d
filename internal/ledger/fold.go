package ledger

import (
	"slices"

	"onsale/internal/sale"
)

// Batch is what a run of events comes to, folded: each order, payment and restock stands in
// it once. [Store.Commit] writes it whole or not at all.
type Batch struct {
	Entries []string // the stream's entries that it was folded from, to be forgotten after the commit
	// From and To are the marks between which the record moves. Without a life in To, the
	// batch is no part of the chain.
	From, To    sale.Chain
	Opened      *sale.Sale // the definition: Total is the total it was opened with
	OpenedAt    sale.Instant
	Changes     []Redefinition
	Closed      *bool // whether the sale is closed, by the last event that changed it
	ClosedAt    sale.Instant
	Restocks    []sale.Restock
	Orders      []Change
	Lined       sale.LineRecord
	Joins       []sale.Placement
	Payments    []PaymentChange
	Quarantined []Quarantined
	Traces      []sale.Trace // in which some of the orders were taken
}

// Redefinition is a sale's definition as it is since an event; Total as in Batch.Opened.
type Redefinition struct {
	sale.Sale
	At   sale.Instant
	Mark sale.Mark
}

// Change is an order as it is since an instant.
type Change struct {
	sale.Order
	At sale.Instant
}

// PaymentChange is a payment as it is since an instant; its own At is when Redis recorded it.
type PaymentChange struct {
	sale.Payment
	Since sale.Instant
}

// Quarantined is a stream entry that can't be recorded, or a part of one.
type Quarantined struct {
	Entry   string
	Content string // all of it, byte by byte
	Fault   string
	At      sale.Instant
}

// follows reports whether an order in one state may come to be in another.
func follows(from, to sale.State) bool {
	switch from {
	case sale.StateHeld:
		return to != sale.StateHeld
	case sale.StatePaid:
		return to == sale.StateRefunded
	}
	return false
}

// steps are a payment's states in their only order.
var steps = []sale.PaymentState{sale.PaymentApplied, sale.PaymentDue, sale.PaymentSettled}

// Fold sums up events, oldest first. Committing the sum has the effect of committing them
// one by one, and so has committing it again: the states that a stream has of one order lie
// on one path, so the furthest of them is what they come to.
func Fold(events []sale.Event) Batch {
	f := folding{orders: map[sale.OrderID]int{}, payments: map[sale.PaymentID]int{}, restocks: map[string]bool{}}
	for _, e := range events {
		f.add(e)
	}
	return f.batch
}

// folding knows where in the batch each order and payment stands.
type folding struct {
	batch    Batch
	orders   map[sale.OrderID]int
	payments map[sale.PaymentID]int
	restocks map[string]bool
}

func (f *folding) add(e sale.Event) {
	b := &f.batch
	b.Entries = append(b.Entries, e.ID)
	b.Traces = append(b.Traces, e.Traces...)
	e, quarantined := validate(e)
	if quarantined != nil {
		b.Quarantined = append(b.Quarantined, *quarantined)
	}
	for _, o := range e.Orders {
		f.order(Change{Order: o, At: e.At})
	}
	for _, p := range e.Payments {
		f.payment(PaymentChange{p, e.At})
	}
	if e.Opened != nil {
		b.Opened, b.OpenedAt = e.Opened, e.At
	}
	if e.Changed != nil {
		b.Changes = append(b.Changes, Redefinition{*e.Changed, e.At, e.Mark})
		if b.Opened != nil { // what the row has after the batch, so that it can be written again
			d := *e.Changed
			d.Closed, b.Opened = b.Opened.Closed, &d
		}
	}
	if e.Restock != nil && !f.restocks[e.Restock.Key] {
		f.restocks[e.Restock.Key] = true
		b.Restocks = append(b.Restocks, *e.Restock)
	}
	b.Lined.Raise(e.Lined)
	b.Joins = append(b.Joins, e.Joins...)
	if e.Closed != nil {
		b.Closed, b.ClosedAt = e.Closed, e.At
	}
}

func (f *folding) order(c Change) {
	i, known := f.orders[c.ID]
	switch {
	case !known:
		f.orders[c.ID] = len(f.batch.Orders)
		f.batch.Orders = append(f.batch.Orders, c)
	case follows(f.batch.Orders[i].State, c.State):
		f.batch.Orders[i] = c
	}
}

func (f *folding) payment(p PaymentChange) {
	i, known := f.payments[p.ID]
	switch {
	case !known:
		f.payments[p.ID] = len(f.batch.Payments)
		f.batch.Payments = append(f.batch.Payments, p)
	case slices.Index(steps, p.State) > slices.Index(steps, f.batch.Payments[i].State):
		f.batch.Payments[i] = p
	}
}
