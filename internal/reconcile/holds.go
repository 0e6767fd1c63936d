package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"onsale/internal/sale"
)

// recover puts the nodes' holds into the union, unless it is proven that they
// have ended.
func (m *merge) recover(holds []Hold) {
	byBuyer := map[sale.Buyer][]Hold{}
	holds = distinct(holds)
	for _, h := range holds {
		byBuyer[h.Order.Buyer] = append(byBuyer[h.Order.Buyer], h)
	}
	m.superseded(byBuyer)
	var strangers []sale.OrderID
	for _, h := range holds {
		if h.Life != m.life {
			strangers = append(strangers, h.Order.ID)
		}
		if _, known := m.records.Orders[h.Order.ID]; known {
			continue
		}
		o, c := h.Order, Case{Orders: []sale.OrderID{h.Order.ID}, Buyer: h.Order.Buyer}
		switch later := m.laterHold(h, byBuyer[o.Buyer]); {
		case m.droppedHold(h):
			o.State, c.Kind = endOf(o), KindEnded
			c.What = fmt.Sprintf("order %s of %q is held by node %s alone, and Redis has dropped it since", o.ID, o.Buyer, h.Node)
			c.Decision = endedAs(o.State)
		case later != "":
			o.State, c.Kind = endOf(o), KindEnded
			c.What = fmt.Sprintf("order %s of %q is held by node %s alone, and the buyer got order %s later", o.ID, o.Buyer, h.Node, later)
			c.Decision = endedAs(o.State)
		default:
			c.What = fmt.Sprintf("order %s of %q, quantity %d, is held by node %s alone", o.ID, o.Buyer, o.Quantity, h.Node)
			c.Kind, c.Decision = KindRecovered, "paid, as it cost nothing"
			if o.State != sale.StatePaid || !o.Free() {
				o.State, c.Decision = sale.StateHeld, "held, with a new deadline"
			}
		}
		m.records.Orders[o.ID] = o
		m.add(c)
	}
	if len(strangers) > 0 {
		m.add(m.twoLives(Case{Orders: strangers, What: fmt.Sprintf("%d holds of nodes are of another sale under this id", len(strangers))}))
	}
}

// distinct are the holds sorted by lineage and position, each order once: where
// it was last known to be held.
func distinct(holds []Hold) []Hold {
	order := func(a, b Hold) int {
		return cmp.Or(
			cmp.Compare(a.Life, b.Life), cmp.Compare(a.Mark.Epoch, b.Mark.Epoch), cmp.Compare(a.Mark.Seq, b.Mark.Seq),
			cmp.Compare(a.Order.ID, b.Order.ID), cmp.Compare(a.Mark.Link, b.Mark.Link), cmp.Compare(a.Node, b.Node))
	}
	holds = slices.SortedFunc(slices.Values(holds), order)
	last := make(map[sale.OrderID]int, len(holds))
	for i, h := range holds {
		last[h.Order.ID] = i
	}
	kept := holds[:0]
	for i, h := range holds {
		if last[h.Order.ID] == i {
			kept = append(kept, h)
		}
	}
	return kept
}

// droppedHold reports whether the hold is part of Redis's history, and Redis has
// dropped it since. See droppedByRedis for when it may.
func (m *merge) droppedHold(h Hold) bool {
	r := m.redis
	return m.onRedis(h) > 0 && r.Read > h.Mark.Seq && (m.ledger == nil || r.Read > m.ledger.Chain.Seq)
}

// onRedis is 1 if the hold is part of Redis's history, -1 if it is of another
// fork, and 0 if that is unknown. A link covers the life too.
func (m *merge) onRedis(h Hold) int {
	switch link, known := m.redis.linkAt(h.Mark); {
	case !known:
		return 0
	case link == h.Mark.Link:
		return 1
	}
	return -1
}

// laterHold is another order that the buyer got later in the same lineage: a
// buyer has one live order, so the earlier one had ended. Two holds are of one
// lineage unless Redis's links show them in different forks.
func (m *merge) laterHold(h Hold, buyers []Hold) sale.OrderID {
	for _, b := range slices.Backward(buyers) {
		if b.Life == h.Life && b.Mark.Epoch == h.Mark.Epoch && b.Mark.Seq > h.Mark.Seq && m.onRedis(b)*m.onRedis(h) >= 0 {
			return b.Order.ID
		}
	}
	return ""
}

// superseded ends live orders of the records whose buyer got another one later,
// in a part of the chain that the records have lost. If the records forked, that
// part continues one of them, so the order must be live in both.
func (m *merge) superseded(byBuyer map[sale.Buyer][]Hold) {
	if len(byBuyer) == 0 {
		return
	}
	tip := m.further.Chain
	for id, o := range m.records.Orders {
		if !o.State.Live() || !m.liveAtTip(id) {
			continue
		}
		for _, h := range slices.Backward(byBuyer[o.Buyer]) {
			if h.Life != tip.Life || h.Mark.Epoch != tip.Epoch || h.Mark.Seq <= tip.Seq {
				continue
			}
			if h.Order.ID != id { // the last one that the buyer got
				m.endSuperseded(o, h)
			}
			break
		}
	}
}

// liveAtTip reports whether the order is live in every record that a lost part of
// the chain may continue.
func (m *merge) liveAtTip(id sale.OrderID) bool {
	if !m.further.Records.Orders[id].State.Live() {
		return false
	}
	return m.relation != Forked || m.other.Chain.Epoch != m.further.Chain.Epoch || m.other.Records.Orders[id].State.Live()
}

// endOf is how a live order ends if no record has its end.
func endOf(o sale.Order) sale.State {
	if o.State == sale.StatePaid {
		return sale.StateRefunded // a paid order ends in no other way
	}
	return sale.StateExpired
}

func (m *merge) endSuperseded(o sale.Order, h Hold) {
	state := endOf(o)
	m.add(Case{
		Kind: KindEnded, Orders: []sale.OrderID{o.ID}, Buyer: o.Buyer,
		What:     fmt.Sprintf("order %s of %q is %s in the records, and the buyer got order %s from node %s later", o.ID, o.Buyer, o.State, h.Order.ID, h.Node),
		Decision: endedAs(state),
	})
	o.State = state
	m.records.Orders[o.ID] = o
}
