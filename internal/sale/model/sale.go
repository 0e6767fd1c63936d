package model

import (
	"maps"
	"slices"

	"onsale/internal/sale"
)

// Sale is one sale as Redis keeps it. It is not safe for concurrent use.
type Sale struct {
	// Now is Redis time. Calls read it and never move it.
	Now sale.Instant
	// Settles is for how many milliseconds after its grant an order stays in any case,
	// see lua/order.lua. A test may shorten it.
	Settles sale.Instant

	definition sale.Sale // Total is what the sale was opened with
	life       string
	ledger     bool
	closed     bool
	orders     map[sale.OrderID]sale.Order
	ended      map[sale.OrderID]int64 // the event that ended the order
	past       []sale.OrderID         // ended orders, in the order of their ending
	lapsed     map[sale.Buyer]int     // holds that ended by their deadline
	payments   map[sale.PaymentID]sale.Payment
	restocks   map[string]int64
	stock      sale.Generation

	mark    sale.Mark
	base    int64 // the last event before this epoch
	read    int64
	lost    string
	witness sale.Mark    // what was seen beyond, where that shut the sale
	events  []sale.Event // of this epoch, oldest first
}

// New opens a sale. life is random and distinguishes openings of the same sale. If
// the site has a ledger, the sale sells once that has committed the first event.
func New(d sale.Sale, life string, ledger bool) *Sale {
	m := &Sale{
		definition: d, life: life, ledger: ledger, closed: d.Closed,
		orders: map[sale.OrderID]sale.Order{}, ended: map[sale.OrderID]int64{}, lapsed: map[sale.Buyer]int{},
		payments: map[sale.PaymentID]sale.Payment{}, restocks: map[string]int64{},
		stock: 1, Settles: 10_000, mark: sale.Mark{Epoch: 1, Link: life},
	}
	payload := []string{"sale", "opened", "life", life, "closed", flag(d.Closed)}
	m.append(sale.Event{Opened: &d, Life: life}, append(payload, d.Encode()...)...)
	return m
}

// Clone is a copy that shares nothing that changes.
func (m *Sale) Clone() *Sale {
	c := *m
	c.orders, c.ended, c.past = maps.Clone(m.orders), maps.Clone(m.ended), slices.Clone(m.past)
	c.lapsed = maps.Clone(m.lapsed)
	c.payments, c.restocks = maps.Clone(m.payments), maps.Clone(m.restocks)
	c.events = slices.Clone(m.events)
	return &c
}

// GoBack loses all that happened since an earlier clone was made. Redis time goes on.
func (m *Sale) GoBack(earlier *Sale) {
	now := m.Now
	*m = *earlier.Clone()
	m.Now = now
}

// Counters are the books, counted anew.
func (m *Sale) Counters() sale.Counters {
	return sale.Records{Opened: m.definition.Total, Restocks: m.restocks, Orders: m.orders}.Counters()
}

// Definition is the sale as it is now.
func (m *Sale) Definition() sale.Sale {
	d := m.definition
	d.Total, d.Closed = m.Counters().Total, m.closed
	return d
}

// Reading is what every reply has about the stock. The model has no plans.
func (m *Sale) Reading() sale.Reading {
	return sale.Reading{At: m.Now, Remaining: m.Counters().Remaining, Stock: m.stock}
}

// Records are a copy of all that can't be counted anew. An order that Redis may have
// removed is there.
func (m *Sale) Records() sale.Records {
	r := sale.Records{Sale: m.definition, Opened: m.definition.Total, Restocks: m.restocks, Orders: m.orders, Payments: m.payments}
	r = r.Clone()
	r.Sale = m.Definition()
	return r
}

// Snapshot is all of it at this instant.
func (m *Sale) Snapshot() sale.Snapshot {
	s := sale.Snapshot{
		Records: m.Records(), At: m.Now, Counters: m.Counters(), Chain: m.Chain(), Read: m.read, Lost: m.lost, Witness: m.witness,
		Buyers: map[sale.Buyer]sale.OrderID{}, Live: map[sale.OrderID]sale.Buyer{},
		Deadlines: map[sale.OrderID]sale.Instant{}, Listed: map[sale.PaymentID]sale.PaymentState{}, Parts: m.Records().Refunded(), Links: m.links(), Stream: m.Stream(),
	}
	for id, p := range m.payments {
		s.Listed[id] = p.State
	}
	for id, o := range m.orders {
		if o.State.Live() {
			s.Buyers[o.Buyer], s.Live[id] = id, o.Buyer
		}
		if o.State == sale.StateHeld {
			s.Deadlines[id] = o.Expires
		}
	}
	return s
}

// Order returns an order, or [sale.ErrNoOrder]. Redis may have removed it.
func (m *Sale) Order(id sale.OrderID) (sale.Order, error) {
	if m.lost != "" {
		return sale.Order{}, m.shut()
	}
	if o, ok := m.orders[id]; ok {
		return o, nil
	}
	return sale.Order{}, sale.ErrNoOrder
}

// OrderOf returns the buyer's live order, or [sale.ErrNoOrder].
func (m *Sale) OrderOf(buyer sale.Buyer) (sale.Order, error) {
	if m.lost != "" {
		return sale.Order{}, m.shut()
	}
	for _, o := range m.orders {
		if o.Buyer == buyer && o.State.Live() {
			return o, nil
		}
	}
	return sale.Order{}, sale.ErrNoOrder
}

// kept is how many ended orders of a buyer Redis keeps in any case: lua/order.lua.
const kept = 3

// Removable reports whether Redis may have removed the order: the buyer has three
// later ended ones, the ledger has its ending, and no call with its claim is under way.
func (m *Sale) Removable(id sale.OrderID) bool {
	o := m.orders[id]
	seq, ended := m.ended[id]
	if !ended || m.Now <= o.Created+m.Settles || m.ledger && seq > m.read {
		return false
	}
	later := 0
	for _, other := range m.past[slices.Index(m.past, id)+1:] {
		if m.orders[other].Buyer == o.Buyer {
			later++
		}
	}
	return later >= kept
}

// Remove removes an order as Redis does at some time, and reports whether Redis may.
func (m *Sale) Remove(id sale.OrderID) bool {
	if !m.Removable(id) {
		return false
	}
	m.remove(id)
	return true
}

func (m *Sale) remove(id sale.OrderID) {
	delete(m.orders, id)
	delete(m.ended, id)
	m.past = slices.DeleteFunc(m.past, func(p sale.OrderID) bool { return p == id })
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
