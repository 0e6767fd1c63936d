package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"onsale/internal/sale"
)

// unite makes the union of the two records, item by item. Where a proven prefix
// is merged into the longer record, each rule comes to the longer record.
func (m *merge) unite() {
	f := m.further.Records
	m.records = sale.NewRecords()
	m.records.Lined, m.records.Places = f.Lined, maps.Clone(f.Places)
	if m.records.Sale, m.records.Opened = f.Sale, f.Opened; m.other == nil {
		m.records.Orders, m.records.Payments = copied(f.Orders), copied(f.Payments)
		m.records.Restocks = copied(f.Restocks)
		return
	}
	m.records.Lined.Raise(m.other.Records.Lined)
	m.places()
	m.definition()
	m.restocks()
	m.orders()
	m.payments()
}

// copied is a clone that is never nil.
func copied[K comparable, V any](from map[K]V) map[K]V {
	if from == nil {
		return map[K]V{}
	}
	return maps.Clone(from)
}

// places are those of both records. A buyer who has another one in each had to join again after the first
// was lost: the record that goes further is the one that buyers have gone by since.
func (m *merge) places() {
	for buyer, place := range m.other.Records.Places {
		if _, known := m.records.Places[buyer]; !known {
			m.records.Place([]sale.Placement{{Buyer: buyer, Place: place}})
		}
	}
}

func (m *merge) definition() {
	f, o := m.further.Records, m.other.Records
	a, b := f.Sale, o.Sale
	if a.Closed != b.Closed && !m.proven() {
		m.records.Sale.Closed = true
		m.add(Case{
			Kind:     KindClosed,
			What:     "the sale is closed in one record and open in the other, and which came later is unknown",
			Decision: "closed; reopen it when it shall sell",
		})
	}
	a.Total, a.Closed, b.Total, b.Closed = 0, false, 0, false
	if a != b || f.Opened != o.Opened {
		m.add(Case{
			Kind:     KindDefinition,
			What:     fmt.Sprintf("one record has the sale as %+v, opened with %d, the other as %+v, opened with %d", a, f.Opened, b, o.Opened),
			Decision: "as in the record that goes further, which is the first",
		})
	}
}

func (m *merge) restocks() {
	r := copied(m.further.Records.Restocks)
	m.records.Restocks = r
	for key, b := range m.other.Records.Restocks {
		a, both := r[key]
		if !both || a == b {
			r[key] = b
			continue
		}
		r[key] = min(a, b) // a draft: the smaller total
		c := Case{
			Kind:    KindRestock,
			What:    fmt.Sprintf("restock %q is %d in one record and %d in the other", key, min(a, b), max(a, b)),
			Options: []string{fmt.Sprintf("%s=%d", key, min(a, b)), fmt.Sprintf("%s=%d", key, max(a, b))},
		}
		if d, decided := m.decisions.Restocks[key]; decided && (d == a || d == b) {
			r[key], c.Decision = d, fmt.Sprintf("it is %d", d)
		}
		m.add(c)
	}
}

// total is what the union's opening and restocks add up to.
func (m *merge) total() int64 {
	total := m.records.Opened
	for _, delta := range m.records.Restocks {
		total += delta
	}
	return total
}

func (m *merge) orders() {
	m.contested = map[sale.OrderID]bool{}
	all := copied(m.further.Records.Orders)
	m.records.Orders = all
	for id, b := range m.other.Records.Orders {
		a, both := all[id]
		if !both || a == b {
			all[id] = b
			continue
		}
		if a.Buyer != b.Buyer || a.Quantity != b.Quantity {
			m.add(Case{
				Kind: KindOrder, Orders: []sale.OrderID{id}, Buyer: a.Buyer,
				What:     fmt.Sprintf("order %s is %d for %q in one record and %d for %q in the other", id, a.Quantity, a.Buyer, b.Quantity, b.Buyer),
				Decision: "as in the record that goes further, which is the first",
			})
		}
		state, contested := joinStates(a.State, b.State)
		if contested {
			m.contested[id] = true
		}
		other := a.State
		if other == state {
			other = b.State
		}
		if state == sale.StateRefunded && (other == sale.StateCancelled || other == sale.StateExpired) {
			m.add(Case{
				Kind: KindEndedPaid, Orders: []sale.OrderID{id}, Buyer: a.Buyer,
				What:     fmt.Sprintf("order %s of %q is %s in one record, and was paid and refunded in the other", id, a.Buyer, other),
				Decision: "it is " + string(state),
			})
		}
		// A claim that was sent again in another fork is granted anew, under its id.
		free := prevails(a, b, state) || prevails(b, a, state)
		a.State, a.Created, a.Expires = state, min(a.Created, b.Created), max(a.Expires, b.Expires)
		if free {
			a.Expires = a.Created
		}
		all[id] = a
	}
	for id, state := range m.ended {
		o := all[id]
		m.add(Case{
			Kind: KindEnded, Orders: []sale.OrderID{id}, Buyer: o.Buyer,
			What:     fmt.Sprintf("order %s of %q is %s in the ledger, and Redis has dropped it since", id, o.Buyer, o.State),
			Decision: endedAs(state),
		})
		o.State = state
		all[id] = o
	}
}

// prevails reports whether a is free, and the order is so if b was the other fork's.
func prevails(a, b sale.Order, state sale.State) bool {
	return a.Free() && a.State == state && (b.Free() || b.State != state)
}

// endedAs describes what becomes of an order whose ending nobody recorded.
func endedAs(s sale.State) string { return fmt.Sprintf("it has ended, and counts as %s", s) }

// joinStates is the later of two states of one order. Paid and ended can't follow
// each other: they are contested, and ended until decided.
func joinStates(a, b sale.State) (state sale.State, contested bool) {
	steps := []sale.State{sale.StateHeld, sale.StatePaid, sale.StateExpired, sale.StateCancelled, sale.StateRefunded}
	i, j := slices.Index(steps, a), slices.Index(steps, b)
	if i > j {
		i, j, a, b = j, i, b, a
	}
	return b, a == sale.StatePaid && (b == sale.StateExpired || b == sale.StateCancelled)
}

func (m *merge) payments() {
	all := copied(m.further.Records.Payments)
	m.records.Payments = all
	for id, b := range m.other.Records.Payments {
		a, both := all[id]
		if !both || a == b {
			all[id] = b
			continue
		}
		all[id] = joinPayments(a, b)
		if (a.State == sale.PaymentApplied) != (b.State == sale.PaymentApplied) {
			m.applied = append(m.applied, id)
		}
		if !a.Same(b) {
			m.add(Case{
				Kind: KindReport, Payments: []sale.PaymentID{id},
				What: fmt.Sprintf("payment %s is %d %s for order %s in one record, and %d %s for order %s in the other",
					id, a.Amount, a.Currency, a.Order, b.Amount, b.Currency, b.Order),
				Decision: fmt.Sprintf("it is %d %s for order %s; ask the payment provider", all[id].Amount, all[id].Currency, all[id].Order),
			})
		}
	}
	m.parts()
}

// parts lists the payments of which more goes back in parts than they are, as each record has
// parts of its own.
func (m *merge) parts() {
	one, other := m.further.Records.Refunded(), m.other.Records.Refunded()
	for id, parts := range m.records.Refunded() {
		p, known := m.records.Payments[id]
		if !known || parts <= p.Amount || parts <= max(one[id], other[id]) {
			continue
		}
		m.add(Case{
			Kind: KindReport, Payments: []sale.PaymentID{id},
			What: fmt.Sprintf("of payment %s of %d %s for order %s %d goes back in parts, or has: %d in one record and %d in the other",
				id, p.Amount, p.Currency, p.Order, parts, one[id], other[id]),
			Decision: "all parts stay; ask the payment provider before those that are due go back",
		})
	}
}

// settleGone settles the payments that are due, and of which nothing is left to go back.
func (m *merge) settleGone() {
	for id, parts := range m.records.Refunded() {
		if p := m.records.Payments[id]; p.State == sale.PaymentDue && p.Gone(parts) {
			p.State = sale.PaymentSettled
			m.records.Payments[id] = p
		}
	}
}

// rank orders what may become of a payment. An orphan may still be applied, and so may a
// payment of which one record knew that it had gone back before it was reported.
func rank(p sale.Payment) int {
	switch {
	case p.Of == "" && p.Reason == sale.ReasonReturned:
		return 0
	case p.State == sale.PaymentSettled:
		return 3
	case p.State == sale.PaymentDue && p.Reason != sale.ReasonOrphan:
		return 2
	case p.State == sale.PaymentApplied:
		return 1
	}
	return 0
}

// reasons by which one prevails if the forks have two for the same payment.
var reasons = []sale.Reason{
	sale.ReasonNone, sale.ReasonReturned, sale.ReasonDisputed, sale.ReasonPartial,
	sale.ReasonOrphan, sale.ReasonAmount, sale.ReasonLate, sale.ReasonDoubled, sale.ReasonRefunded,
}

// joinPayments is the later of two states of one payment, as it was reported first.
func joinPayments(a, b sale.Payment) sale.Payment {
	first := func(x, y sale.Payment) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Message, y.Message))
	}
	if cmp.Or(
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(slices.Index(reasons, a.Reason), slices.Index(reasons, b.Reason)),
		cmp.Compare(b.Order, a.Order), cmp.Compare(b.Amount, a.Amount), cmp.Compare(b.Currency, a.Currency), cmp.Compare(b.Of, a.Of),
		cmp.Compare(b.Encode(), a.Encode()),
	) < 0 {
		a, b = b, a
	}
	if first(b, a) < 0 {
		a.At, a.Message = b.At, b.Message
	}
	return a
}
