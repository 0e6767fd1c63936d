package model

import (
	"fmt"

	"onsale/internal/sale"
)

// Decide decides the claims of one call, in their order. late means that Redis time is
// past the earliest of their deadlines. The error is [sale.ErrLost], or
// [sale.ErrUnavailable] until a ledger has recorded the sale, or its new epoch.
func (m *Sale) Decide(batch []sale.Claim, late bool) ([]sale.Decision, error) {
	if err := m.unsellable(); err != nil {
		return nil, err
	}
	decisions := make([]sale.Decision, len(batch))
	var held []sale.Order
	var ids string
	for i, c := range batch {
		d := m.decide(c, late)
		if d.Outcome == sale.Held {
			m.orders[d.Order.ID] = d.Order
			held, ids = append(held, d.Order), ids+binary(d.Order.ID)
		}
		decisions[i] = d
	}
	for i := range decisions { // a reply has one number for all of its claims
		if decisions[i].Outcome != sale.NotEnough {
			continue
		}
		if decisions[i].Remaining = m.Counters().Remaining; decisions[i].Remaining == 0 {
			decisions[i].Outcome = sale.SoldOut
		}
	}
	if len(held) > 0 {
		m.append(sale.Event{Orders: held}, "held", ids)
	}
	return decisions, nil
}

func (m *Sale) decide(c sale.Claim, late bool) sale.Decision {
	if known, ok := m.orders[c.Order]; ok {
		return sale.Decision{Outcome: sale.Replayed, Order: known}
	}
	if late {
		return sale.Decision{Outcome: sale.Late}
	}
	if refusal, refused := m.phase().Refusal(); refused {
		return sale.Decision{Outcome: refusal}
	}
	live, err := m.OrderOf(c.Buyer)
	remaining := m.Counters().Remaining
	switch {
	case err == nil && live.Quantity == c.Quantity:
		return sale.Decision{Outcome: sale.Replayed, Order: live}
	case err == nil:
		return sale.Decision{Outcome: sale.AlreadyOrdered, Order: live}
	case m.definition.Lapses > 0 && m.lapsed[c.Buyer] >= m.definition.Lapses:
		return sale.Decision{Outcome: sale.HoldLimit}
	case remaining == 0:
		return sale.Decision{Outcome: sale.SoldOut}
	case remaining < int64(c.Quantity):
		return sale.Decision{Outcome: sale.NotEnough}
	}
	o := sale.Order{
		ID: c.Order, Buyer: c.Buyer, Quantity: c.Quantity, State: sale.StateHeld,
		Created: m.Now, Expires: m.Now.Add(m.definition.HoldFor),
	}
	if m.definition.Price == 0 {
		o.State, o.Expires = sale.StatePaid, m.Now
	}
	return sale.Decision{Outcome: sale.Held, Order: o}
}

// Refill ends those of the orders that are held, in one event, and then grants a share of
// what remains by weight, at least the quantity; see [Sale.Overdue]. The model has no plans,
// so the reading brings no allotment. The errors are those of [Sale.Decide]; then nothing ended.
func (m *Sale) Refill(overdue []sale.OrderID, quantity, weight, all int64) (sale.Grant, error) {
	if err := m.unsellable(); err != nil {
		return sale.Grant{}, err
	}
	if _, err := m.Expire(overdue...); err != nil {
		return sale.Grant{}, err
	}
	g := sale.Grant{Reading: m.Reading()}
	phase, remaining := m.phase(), g.Reading.Remaining
	switch {
	case phase == sale.PhaseScheduled:
		g.Result = sale.GrantNotOpen
	case phase == sale.PhaseClosed:
		g.Result = sale.GrantClosed
	case remaining == 0:
		g.Result = sale.GrantSoldOut
	case remaining < quantity:
		g.Result = sale.GrantNotEnough
	default:
		g.Result = sale.Granted
		g.Tickets = min(remaining, max(quantity, (remaining*weight+all-1)/all))
	}
	return g, nil
}

// unsellable is why nothing sells: [sale.ErrLost], or [sale.ErrUnavailable] until a ledger
// has recorded the sale, or its new epoch.
func (m *Sale) unsellable() error {
	if m.lost != "" {
		return m.shut()
	}
	if m.ledger && m.read < 1 {
		return fmt.Errorf("the ledger has not recorded the sale: %w", sale.ErrUnavailable)
	}
	return nil
}

// phase is the sale's phase now, without its stock.
func (m *Sale) phase() sale.Phase {
	d := m.definition
	d.Closed = m.closed
	return d.WindowAt(m.Now)
}

// Restock changes the total and returns it. The error is [sale.ErrConflict] or
// [sale.ErrLost].
func (m *Sale) Restock(delta int64, key string) (total int64, err error) {
	if m.lost != "" {
		return 0, m.shut()
	}
	c := m.Counters()
	before, known := m.restocks[key]
	switch {
	case known && before == delta:
		return c.Total, nil
	case known || c.Remaining+delta < 0 || c.Total+delta > sale.MaxTotal:
		return c.Total, sale.Conflict("total stays %d", c.Total)
	}
	m.restocks[key] = delta
	m.raise()
	m.append(sale.Event{Restock: &sale.Restock{Key: key, Delta: delta}}, "sale", "restocked", "delta", decimal(delta), "key", key)
	return c.Total + delta, nil
}

// SetClosed closes the sale or lets it sell again. The error is [sale.ErrLost].
func (m *Sale) SetClosed(closed bool) error {
	if m.lost != "" {
		return m.shut()
	}
	if m.closed != closed {
		m.closed = closed
		m.append(sale.Event{Closed: &closed}, "sale", map[bool]string{true: "closed", false: "reopened"}[closed])
	}
	return nil
}

// Change gives the sale other terms. The error is [sale.ErrConflict] or [sale.ErrLost].
func (m *Sale) Change(is sale.Sale) error {
	if m.lost != "" {
		return m.shut()
	}
	was := m.definition
	is.Closed = was.Closed
	if is == was {
		return nil
	}
	fixed, ordered := was, len(m.orders) > 0
	fixed.Title, fixed.Subtitle, fixed.Rules = is.Title, is.Subtitle, is.Rules
	fixed.Closes, fixed.HoldFor, fixed.Lapses = is.Closes, is.HoldFor, is.Lapses
	fixed.LineRate, fixed.LineLimit, fixed.ProofEasy, fixed.PayURL = is.LineRate, is.LineLimit, is.ProofEasy, is.PayURL
	if !ordered {
		fixed.Price, fixed.Opens = is.Price, is.Opens
	}
	if is.Limit > was.Limit || m.phase() != sale.PhaseOnSale {
		fixed.Limit = is.Limit
	}
	if fixed != is {
		return sale.Conflict("the sale can't become %+v now", is)
	}
	m.definition = is
	d := is
	d.Closed = m.closed
	m.append(sale.Event{Changed: &d}, append([]string{"sale", "changed", "closed", flag(m.closed)}, is.Encode()...)...)
	return nil
}

// raise begins a new generation of the stock.
func (m *Sale) raise() { m.stock = max(m.stock+1, sale.Generation(m.Now)) }
