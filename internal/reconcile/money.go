package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"onsale/internal/sale"
)

// money brings payments and orders into agreement, but for contested orders.
// Most payments are applied to a paid order, or due from an ended one: these are
// passed over, and only the others are looked at order by order.
func (m *merge) money() {
	m.gifts()
	m.payers = make(map[sale.OrderID]sale.PaymentID, len(m.records.Payments))
	m.odd = map[sale.OrderID][]sale.PaymentID{}
	for id, p := range m.records.Payments {
		o := m.records.Orders[p.Order]
		switch _, paid := m.payers[p.Order]; {
		case p.State == sale.PaymentApplied && o.State == sale.StatePaid && !paid:
			m.payers[p.Order] = id
		case p.State == sale.PaymentApplied, p.State == sale.PaymentDue && p.Reason == sale.ReasonOrphan,
			p.Reason == sale.ReasonRefunded && o.State != sale.StateRefunded, o.State == sale.StatePaid:
			m.odd[p.Order] = append(m.odd[p.Order], id)
		}
	}
	for id, ids := range m.odd {
		if payer, paid := m.payers[id]; paid {
			m.odd[id] = append(ids, payer)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.odd)) {
		if !m.contested[id] {
			m.agree(id, m.purse(id))
		}
	}
	for id, o := range m.records.Orders {
		if _, paid := m.payers[id]; o.State == sale.StatePaid && !paid && !m.free(o) {
			m.add(Case{
				Kind: KindUnpaid, Orders: []sale.OrderID{id}, Buyer: o.Buyer,
				What:     fmt.Sprintf("order %s of %q is paid, and no record has a payment that is applied to it", id, o.Buyer),
				Decision: "it stays paid",
			})
		}
	}
}

// free reports whether no payment is missing where an order is paid.
func (m *merge) free(o sale.Order) bool { return m.records.Sale.Price == 0 && o.Free() }

// gifts are holds of a sale that costs nothing: nobody would pay for them. Another version
// took them, or a fork in which the sale had a price.
func (m *merge) gifts() {
	if m.records.Sale.Price != 0 {
		return
	}
	for id, o := range m.records.Orders {
		if o.State != sale.StateHeld {
			continue
		}
		o.State, o.Expires = sale.StatePaid, o.Created
		m.records.Orders[id] = o
		m.add(Case{
			Kind: KindUnpaid, Orders: []sale.OrderID{id}, Buyer: o.Buyer,
			What:     fmt.Sprintf("order %s of %q is held, and the sale costs nothing", id, o.Buyer),
			Decision: "it is paid",
		})
	}
}

// purse is the payments of an order that have to be looked at, earliest first.
func (m *merge) purse(id sale.OrderID) []sale.Payment {
	var purse []sale.Payment
	for _, id := range m.odd[id] {
		purse = append(purse, m.records.Payments[id])
	}
	slices.SortFunc(purse, func(a, b sale.Payment) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	return purse
}

// agree settles what an order's payments make of it, and what becomes of them.
func (m *merge) agree(id sale.OrderID, purse []sale.Payment) {
	o, known := m.records.Orders[id]
	if !known {
		for _, p := range purse {
			if p.State == sale.PaymentApplied {
				m.pay(p, sale.PaymentDue, sale.ReasonOrphan)
			}
		}
		return
	}
	payer := m.payer(o, purse)
	switch {
	case m.free(o): // whatever becomes of money
		payer = ""
	case dueAs(purse, sale.ReasonRefunded) > 0:
		m.overrule(&o, sale.StateRefunded, "a payment of it was refunded")
		payer = ""
	case payer != "":
		o.State = sale.StatePaid
	case o.State == sale.StatePaid && dueAs(purse, sale.ReasonLate) > 0:
		m.overrule(&o, sale.StateExpired, "its payment is due to go back, as it came late")
	case o.State == sale.StatePaid && (dueAs(purse, sale.ReasonOrphan) > 0 || dueAs(purse, sale.ReasonDoubled) > 1):
		// Settled, or it would be the payer. Of two doubled ones each fork took another.
		m.overrule(&o, sale.StateRefunded, "its money has gone back")
	}
	m.records.Orders[id] = o
	if payer != "" {
		m.payers[id] = payer
	}
	for _, p := range purse {
		switch {
		case p.ID == payer:
			m.pay(p, sale.PaymentApplied, sale.ReasonNone)
		case p.State == sale.PaymentApplied, p.State == sale.PaymentDue && p.Reason == sale.ReasonOrphan:
			m.pay(p, sale.PaymentDue, reason(p, o))
		}
	}
}

// dueAs counts the payments that are to go back, or have, for a reason.
func dueAs(purse []sale.Payment, why sale.Reason) (n int) {
	for _, p := range purse {
		if p.Reason == why {
			n++
		}
	}
	return n
}

// payer is the payment that a live order is paid with, or "". An applied one comes
// first, then an orphan that fits. If each fork took another payment, both are
// doubled by now, and the first that has not gone back is applied.
func (m *merge) payer(o sale.Order, purse []sale.Payment) sale.PaymentID {
	fits := []func(sale.Payment) bool{
		func(p sale.Payment) bool { return p.State == sale.PaymentApplied },
		func(p sale.Payment) bool {
			return p.State == sale.PaymentDue && p.Reason == sale.ReasonOrphan &&
				p.Amount == m.records.Sale.Amount(o.Quantity) && p.Currency == m.records.Sale.Currency
		},
		func(p sale.Payment) bool {
			return p.State == sale.PaymentDue && p.Reason == sale.ReasonDoubled &&
				o.State == sale.StatePaid && dueAs(purse, sale.ReasonLate) == 0
		},
	}
	for _, fit := range fits {
		if i := slices.IndexFunc(purse, fit); i >= 0 && o.State.Live() {
			return purse[i].ID
		}
	}
	return ""
}

// overrule puts an order into the state that its payments prove.
func (m *merge) overrule(o *sale.Order, state sale.State, why string) {
	if o.State == state {
		return
	}
	m.add(Case{
		Kind: KindEndedPaid, Orders: []sale.OrderID{o.ID}, Buyer: o.Buyer,
		What: fmt.Sprintf("order %s of %q is %s in a record, but %s", o.ID, o.Buyer, o.State, why), Decision: "it is " + string(state),
	})
	o.State = state
}

// reason is why a payment can't stay applied to the order, or be applied to it.
func reason(p sale.Payment, o sale.Order) sale.Reason {
	switch {
	case o.State == sale.StatePaid && o.Free():
		return sale.ReasonAmount
	case o.State == sale.StatePaid:
		return sale.ReasonDoubled
	case o.State == sale.StateHeld:
		return sale.ReasonAmount
	case o.State == sale.StateRefunded && p.State == sale.PaymentApplied:
		return sale.ReasonRefunded
	}
	return sale.ReasonLate
}

// pay puts a payment into a state, and lists that.
func (m *merge) pay(p sale.Payment, state sale.PaymentState, why sale.Reason) {
	if p.State == state && p.Reason == why {
		return
	}
	c := Case{
		Kind: KindPayment, Payments: []sale.PaymentID{p.ID}, Orders: []sale.OrderID{p.Order},
		What:     fmt.Sprintf("payment %s of %d %s was applied to order %s", p.ID, p.Amount, p.Currency, p.Order),
		Decision: "due to go back: " + string(why),
	}
	if p.State == sale.PaymentDue {
		c.What = fmt.Sprintf("payment %s of %d %s for order %s was due to go back: %s", p.ID, p.Amount, p.Currency, p.Order, p.Reason)
	}
	if p.Reason == sale.ReasonOrphan {
		c.Kind = KindOrphan
	}
	if state == sale.PaymentApplied {
		c.Decision = "applied: the order is paid"
	}
	p.State, p.Reason = state, why
	m.records.Payments[p.ID] = p
	m.add(c)
}

// overruled lists the payments that one record has applied and that have to go back, as the
// other fork took another payment for the order: their providers got the answer that they count.
func (m *merge) overruled() {
	named := map[sale.PaymentID]bool{}
	ended := map[sale.OrderID]bool{}
	for kind, cases := range m.cases {
		for _, c := range cases {
			for _, id := range c.Payments {
				named[id] = true
			}
			for _, id := range c.Orders {
				ended[id] = ended[id] || kind == KindEndedPaid
			}
		}
	}
	slices.Sort(m.applied)
	for _, id := range m.applied {
		p := m.records.Payments[id]
		if p.State == sale.PaymentApplied || p.Reason == sale.ReasonRefunded || named[id] || ended[p.Order] {
			continue
		}
		m.add(Case{
			Kind: KindPayment, Payments: []sale.PaymentID{id}, Orders: []sale.OrderID{p.Order},
			What:     fmt.Sprintf("payment %s of %d %s is applied to order %s in one record alone", id, p.Amount, p.Currency, p.Order),
			Decision: fmt.Sprintf("%s: %s", goes[p.State], p.Reason),
		})
	}
}

// goes is what becomes of a payment that is not applied.
var goes = map[sale.PaymentState]string{sale.PaymentDue: "due to go back", sale.PaymentSettled: "has gone back"}

// contests decides orders that are paid in one fork and ended in the other,
// oldest first: paid if the buyer has no live order and the stock suffices.
func (m *merge) contests() {
	if len(m.contested) == 0 {
		return
	}
	var live int64
	taken := map[sale.Buyer]bool{}
	for _, o := range m.records.Orders {
		if o.State.Live() {
			live, taken[o.Buyer] = live+int64(o.Quantity), true
		}
	}
	for _, id := range m.byAge(slices.Collect(maps.Keys(m.contested))) {
		o, purse := m.records.Orders[id], m.purse(id)
		c := Case{
			Kind: KindEndedPaid, Orders: []sale.OrderID{id}, Buyer: o.Buyer,
			What: fmt.Sprintf("order %s of %q is paid in one record and %s in the other", id, o.Buyer, o.State),
		}
		why := "its money has gone back or is due to"
		if slices.ContainsFunc(purse, func(p sale.Payment) bool { return p.State == sale.PaymentApplied }) {
			switch {
			case taken[o.Buyer]:
				why = "the buyer has another live order, so its money is due to go back"
			case live+int64(o.Quantity) > m.total():
				why = "its tickets are sold, so its money is due to go back"
			default:
				paid := o
				paid.State = sale.StatePaid
				m.records.Orders[id], why = paid, "its tickets are free"
			}
		}
		m.agree(id, purse)
		if o = m.records.Orders[id]; o.State.Live() {
			live, taken[o.Buyer] = live+int64(o.Quantity), true
		}
		c.Decision = fmt.Sprintf("it is %s: %s", o.State, why)
		m.add(c)
	}
}

// byAge sorts orders by when they were created.
func (m *merge) byAge(ids []sale.OrderID) []sale.OrderID {
	slices.SortFunc(ids, func(a, b sale.OrderID) int {
		return cmp.Or(cmp.Compare(m.records.Orders[a].Created, m.records.Orders[b].Created), cmp.Compare(a, b))
	})
	return ids
}
