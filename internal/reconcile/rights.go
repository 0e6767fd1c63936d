package reconcile

import (
	"fmt"
	"maps"
	"slices"

	"onsale/internal/sale"
)

// buyers finds who has more than one live order, and ends all but one if it is
// decided which.
func (m *merge) buyers() {
	first := make(map[sale.Buyer]sale.OrderID, len(m.records.Orders))
	several := map[sale.Buyer][]sale.OrderID{}
	for id, o := range m.records.Orders {
		if !o.State.Live() {
			continue
		}
		if other, two := first[o.Buyer]; !two {
			first[o.Buyer] = id
		} else {
			if len(several[o.Buyer]) == 0 {
				several[o.Buyer] = []sale.OrderID{other}
			}
			several[o.Buyer] = append(several[o.Buyer], id)
		}
	}
	for _, buyer := range slices.Sorted(maps.Keys(several)) {
		ids := m.byAge(several[buyer])
		c := Case{
			Kind: KindTwoOrders, Orders: ids, Buyer: buyer, What: fmt.Sprintf("buyer %q has %d live orders:", buyer, len(ids)),
			Options: []string{string(KeepFirst), string(KeepLater)},
		}
		for _, id := range ids {
			c.What += fmt.Sprintf(" %s (%s, %d tickets)", id, m.records.Orders[id].State, m.records.Orders[id].Quantity)
			c.Options = append(c.Options, "keep "+string(id))
		}
		if keep := m.kept(buyer, ids); keep != "" {
			c.Decision = fmt.Sprintf("%s stays", keep)
			for _, id := range ids {
				if id != keep {
					c.Decision += ", " + m.end(id)
				}
			}
		}
		m.add(c)
	}
}

// kept is which of a buyer's live orders stays, or "" if the operator has to decide it.
func (m *merge) kept(buyer sale.Buyer, ids []sale.OrderID) sale.OrderID {
	if keep := m.decisions.Keep[buyer]; slices.Contains(ids, keep) {
		return keep
	}
	switch m.decisions.TwoOrders {
	case KeepFirst:
		return ids[0]
	case KeepLater:
		return ids[len(ids)-1]
	}
	return ""
}

// end takes a live order's tickets back, and returns what became of it.
func (m *merge) end(id sale.OrderID) string {
	o := m.records.Orders[id]
	if o.State == sale.StateHeld {
		o.State = sale.StateCancelled
	} else {
		o.State = sale.StateRefunded
	}
	m.records.Orders[id] = o
	if payer, paid := m.payers[id]; paid {
		p := m.records.Payments[payer]
		p.State, p.Reason = sale.PaymentDue, sale.ReasonRefunded
		m.records.Payments[payer] = p
	}
	return fmt.Sprintf("%s is %s", id, o.State)
}

// stock finds out whether the live orders exceed the total, and mends that as
// decided.
func (m *merge) stock() {
	var live int64
	var ids []sale.OrderID
	for id, o := range m.records.Orders {
		if o.State.Live() {
			live, ids = live+int64(o.Quantity), append(ids, id)
		}
	}
	total := m.total()
	if live <= total {
		return
	}
	c := Case{
		Kind: KindOversold, Options: []string{string(RaiseTotal), string(RefundLater)},
		What: fmt.Sprintf("%d tickets are in live orders, of %d", live, total),
	}
	if live > sale.MaxTotal {
		c.Options = []string{string(RefundLater)}
	} else if total < 0 {
		c.Options = []string{string(RaiseTotal)}
	}
	switch decided := m.decisions.Oversold; {
	case !slices.Contains(c.Options, string(decided)):
	case decided == RaiseTotal:
		key := m.freshKey()
		m.records.Restocks[key] = live - total
		c.Decision = fmt.Sprintf("the total is raised by %d, as restock %s", live-total, key)
	case decided == RefundLater:
		for _, id := range slices.Backward(m.byAge(ids)) {
			if live <= total {
				break
			}
			live -= int64(m.records.Orders[id].Quantity)
			c.Orders = append(c.Orders, id)
			m.end(id)
		}
		c.Decision = fmt.Sprintf("the %d orders created last are ended, and their money is due to go back", len(c.Orders))
	}
	m.add(c)
}

// freshKey names a restock that no record has. Another plan for the same epoch
// may have been recorded before a crash.
func (m *merge) freshKey() string {
	key := fmt.Sprintf("reconcile-%d", m.epoch)
	for n := 2; ; n++ {
		if _, used := m.records.Restocks[key]; !used {
			return key
		}
		key = fmt.Sprintf("reconcile-%d-%d", m.epoch, n)
	}
}

// deadlines gives each hold the whole time to pay: while the sale was shut, no
// payment could be reported.
func (m *merge) deadlines() {
	least := m.now.Add(m.records.Sale.HoldFor)
	for id, o := range m.records.Orders {
		if o.State == sale.StateHeld && o.Expires < least {
			o.Expires = least
			m.records.Orders[id] = o
		}
	}
}
