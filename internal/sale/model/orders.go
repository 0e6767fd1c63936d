package model

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"onsale/internal/sale"
)

// Cancel ends a buyer's hold. The error is [sale.ErrNoOrder], [sale.ErrConflict] or
// [sale.ErrLost].
func (m *Sale) Cancel(id sale.OrderID, buyer sale.Buyer) (sale.Order, error) {
	o, err := m.Order(id)
	switch {
	case err != nil:
		return o, err
	case o.Buyer != buyer:
		return sale.Order{}, sale.ErrNoOrder
	case o.State == sale.StateCancelled:
		return o, nil
	case o.State != sale.StateHeld:
		return o, sale.Conflict("order is %s", o.State)
	}
	return m.end([]sale.Order{o}, sale.StateCancelled)[0], nil
}

// Overdue are at most limit holds whose payment deadline has passed, oldest first.
func (m *Sale) Overdue(limit int) []sale.OrderID {
	var ids []sale.OrderID
	for _, o := range slices.SortedFunc(maps.Values(m.orders), byDeadline) {
		if o.State == sale.StateHeld && o.Expires <= m.Now && len(ids) < limit {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// Expire ends those of the orders that are held, in one event, and returns them. Whether
// they are overdue is the caller's business: see [Sale.Overdue]. The error is
// [sale.ErrLost].
func (m *Sale) Expire(ids ...sale.OrderID) ([]sale.Order, error) {
	if m.lost != "" {
		return nil, m.shut()
	}
	var held []sale.Order
	for _, id := range ids {
		if o := m.orders[id]; o.State == sale.StateHeld {
			held = append(held, o)
		}
	}
	return m.end(held, sale.StateExpired), nil
}

// end takes live orders into an ended state; p are payments that change with them.
func (m *Sale) end(orders []sale.Order, to sale.State, p ...sale.Payment) []sale.Order {
	if len(orders) == 0 {
		return nil
	}
	ended := make([]sale.Order, len(orders))
	for i, o := range orders {
		o.State = to
		ended[i], m.orders[o.ID], m.ended[o.ID] = o, o, m.mark.Seq+1
		m.past = append(m.past, o.ID)
		if to == sale.StateExpired {
			m.lapsed[o.Buyer]++
		}
	}
	m.raise()
	m.changed(ended, p)
	return ended
}

// changed appends the event of orders and payments that changed.
func (m *Sale) changed(orders []sale.Order, payments []sale.Payment) {
	var payload []string
	if len(orders) > 0 {
		rows := make([]string, len(orders))
		for i, o := range orders {
			rows[i] = row(o)
		}
		payload = append(payload, "orders", strings.Join(rows, "\n"))
	}
	for _, p := range payments {
		m.payments[p.ID] = p
		payload = append(payload, "payment:"+string(p.ID), p.Encode())
	}
	m.append(sale.Event{Orders: orders, Payments: payments}, payload...)
}

// Pay takes a payment, of which what a provider knows is read, or a part of one that went
// back, and returns what became of it. The error is [sale.ErrConflict] where the payment or its message came before
// with another content, or [sale.ErrLost].
func (m *Sale) Pay(p sale.Payment) (sale.Receipt, error) {
	if m.lost != "" {
		return sale.Receipt{}, m.shut()
	}
	if p.Of != "" {
		return m.report(p)
	}
	o, known := m.orders[p.Order]
	before, recorded := m.payments[p.ID]
	by := m.messageOf(p.Message)
	if recorded || by != "" {
		same := recorded && before.Same(p)
		if !same || by != "" && by != p.ID {
			return sale.Receipt{Order: o, Payment: before}, sale.Conflict("this payment or message came before, with another content")
		}
		return sale.Receipt{Order: o, Payment: before, Replayed: true}, nil
	}
	p.At, p.State, p.Reason = m.Now, sale.PaymentDue, m.obstacle(o, known, p)
	if p.Gone(m.parts(p.ID)) {
		p.State = sale.PaymentSettled
		if p.Reason == sale.ReasonNone {
			p.Reason = sale.ReasonReturned
		}
	}
	if p.Reason != sale.ReasonNone {
		m.changed(nil, []sale.Payment{p})
		return sale.Receipt{Order: o, Payment: p}, nil
	}
	p.State, o.State = sale.PaymentApplied, sale.StatePaid
	m.orders[o.ID] = o
	m.changed([]sale.Order{o}, []sale.Payment{p})
	return sale.Receipt{Order: o, Payment: p}, nil
}

// obstacle is why the payment can't pay the order.
func (m *Sale) obstacle(o sale.Order, known bool, p sale.Payment) sale.Reason {
	switch {
	case !known:
		return sale.ReasonOrphan
	case o.State == sale.StatePaid && o.Free():
		return sale.ReasonAmount
	case o.State == sale.StatePaid:
		return sale.ReasonDoubled
	case o.State != sale.StateHeld:
		return sale.ReasonLate
	case p.Amount != m.definition.Amount(o.Quantity) || p.Currency != m.definition.Currency:
		return sale.ReasonAmount
	}
	return sale.ReasonNone
}

func (m *Sale) messageOf(message sale.MessageID) sale.PaymentID {
	for id, p := range m.payments {
		if p.Message == message {
			return id
		}
	}
	return ""
}

// Refund ends a paid order. The error is [sale.ErrNoOrder], [sale.ErrConflict] or
// [sale.ErrLost].
func (m *Sale) Refund(id sale.OrderID) (sale.Refund, error) {
	o, err := m.Order(id)
	if err != nil {
		return sale.Refund{}, err
	}
	var paid []sale.Payment
	if p, is := m.payerOf(id); is {
		paid = append(paid, p)
	}
	var r sale.Refund
	r.Order, r.Replayed = o, o.State == sale.StateRefunded
	switch {
	case o.State == sale.StatePaid:
		for i := range paid {
			paid[i].State, paid[i].Reason = sale.PaymentDue, sale.ReasonRefunded
			if paid[i].Gone(m.parts(paid[i].ID)) {
				paid[i].State = sale.PaymentSettled
			}
		}
		r.Order = m.end([]sale.Order{o}, sale.StateRefunded, paid...)[0]
	case !r.Replayed:
		return r, sale.Conflict("order is %s", o.State)
	}
	if len(paid) > 0 {
		r.Payment = paid[0]
	}
	r.Payments = m.page(m.PaymentsFor(id))
	return r, nil
}

// Payments are those in a state, oldest first.
func (m *Sale) Payments(state sale.PaymentState) []sale.Payment {
	return m.payment(func(p sale.Payment) bool { return p.State == state })
}

// PaymentsFor are those for an order, oldest first, but for the one that has paid it.
func (m *Sale) PaymentsFor(id sale.OrderID) []sale.Payment {
	payer := func(p sale.Payment) bool { return p.Order == id && isPayer(p) }
	return append(m.payment(payer), m.payment(func(p sale.Payment) bool { return p.Order == id && !payer(p) })...)
}

func (m *Sale) payment(wanted func(sale.Payment) bool) (list []sale.Payment) {
	for _, p := range m.payments {
		if wanted(p) {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b sale.Payment) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	return list
}

// Settle notes that the money of a payment that was due has gone back. The error is
// [sale.ErrNoPayment], [sale.ErrConflict] or [sale.ErrLost].
func (m *Sale) Settle(id sale.PaymentID) (sale.Payment, error) {
	if m.lost != "" {
		return sale.Payment{}, m.shut()
	}
	p, known := m.payments[id]
	switch {
	case !known:
		return p, sale.ErrNoPayment
	case p.State == sale.PaymentApplied:
		return p, sale.Conflict("payment is %s", p.State)
	case p.State == sale.PaymentDue:
		p.State = sale.PaymentSettled
		m.changed(nil, []sale.Payment{p})
	}
	return p, nil
}

func byAge(a, b sale.Order) int {
	return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.ID, b.ID))
}

func byDeadline(a, b sale.Order) int {
	return cmp.Or(cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.ID, b.ID))
}
