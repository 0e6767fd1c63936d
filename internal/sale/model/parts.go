package model

import "onsale/internal/sale"

// countable is how much can go back of one payment in parts: see lua/part.lua.
const countable = 9e15

// parts is how much of a payment goes back in parts, or has.
func (m *Sale) parts(id sale.PaymentID) int64 { return m.Records().Refunded()[id] }

// payerOf is the payment that has paid an order.
func (m *Sale) payerOf(id sale.OrderID) (sale.Payment, bool) {
	for _, p := range m.payments {
		if p.Order == id && isPayer(p) {
			return p, true
		}
	}
	return sale.Payment{}, false
}

// isPayer reports whether the payment pays its order, or did until that was refunded.
func isPayer(p sale.Payment) bool {
	return p.State == sale.PaymentApplied || p.Reason == sale.ReasonRefunded
}

// RefundPart has so much of what paid an order go back, as a part of that name. The error is
// [sale.ErrNoOrder], [sale.ErrConflict] or [sale.ErrLost].
func (m *Sale) RefundPart(id sale.OrderID, part sale.PaymentID, amount int64) (sale.Refund, error) {
	o, err := m.Order(id)
	if err != nil {
		return sale.Refund{}, err
	}
	payer, paid := m.payerOf(id)
	before, known := m.payments[part]
	r := sale.Refund{Receipt: sale.Receipt{Order: o, Payment: before}}
	left := max(0, payer.Amount-m.parts(payer.ID))
	switch {
	case known || m.messageOf(sale.MessageID(part)) != "":
		if !known || before.Of == "" || before.Of != payer.ID || before.Amount != amount {
			return r, sale.Conflict("the part came before, with another content")
		}
		r.Replayed = true
	case o.State != sale.StatePaid || !paid:
		return r, sale.Conflict("no payment has paid the order")
	case amount > left || amount == 0:
		return r, sale.Conflict("%d is left", left)
	default:
		r.Payment = payer
		r.Payment.ID, r.Payment.Message, r.Payment.Of, r.Payment.Amount = part, sale.MessageID(part), payer.ID, amount
		r.Payment.State, r.Payment.Reason, r.Payment.At = sale.PaymentDue, sale.ReasonPartial, m.Now
		m.changed(nil, []sale.Payment{r.Payment})
	}
	r.Payments = m.page(m.PaymentsFor(id))
	return r, nil
}

// report takes a part that has gone back, as a provider reports it: all of it is read but
// its state and time. The error is [sale.ErrConflict].
func (m *Sale) report(part sale.Payment) (sale.Receipt, error) {
	before, known := m.payments[part.ID]
	by := m.messageOf(part.Message)
	of, paid := m.payments[part.Of]
	r := sale.Receipt{Order: m.orders[part.Order], Payment: before}
	total := m.parts(part.Of) + part.Amount
	switch {
	case known || by != "":
		same := known && before.Same(part) && (by == "" || by == part.ID)
		if !same {
			return r, sale.Conflict("the part came before, with another content")
		}
		if before.State == sale.PaymentSettled {
			r.Replayed = true
			return r, nil
		}
		r.Payment.State = sale.PaymentSettled
		m.changed(nil, []sale.Payment{r.Payment})
		return r, nil
	case paid && (of.Of != "" || of.Order != part.Order || of.Currency != part.Currency):
		return r, sale.Conflict("the payment came before, with another content")
	case total > countable:
		return r, sale.Conflict("that is beyond what can be counted")
	}
	part.State, part.At = sale.PaymentSettled, m.Now
	r.Payment = part
	changed := []sale.Payment{part}
	if paid && of.State == sale.PaymentDue && of.Gone(total) {
		of.State = sale.PaymentSettled
		changed = append(changed, of)
	}
	m.changed(nil, changed)
	return r, nil
}

// page is a page with all of these payments.
func (m *Sale) page(payments []sale.Payment) sale.PaymentPage {
	page := sale.PaymentPage{Payments: payments}
	refunded := m.Records().Refunded()
	for _, p := range payments {
		if parts := refunded[p.ID]; parts > 0 {
			if page.Refunded == nil {
				page.Refunded = map[sale.PaymentID]int64{}
			}
			page.Refunded[p.ID] = parts
		}
	}
	return page
}
