package reconcile_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"onsale/internal/sale"
)

// steps by how often each is tried: the first ones most often.
var steps = []string{"pay", "hold", "expire", "pay", "hold", "cancel", "pay", "refund", "pay", "hold", "settle", "part", "restock", "close"}

// step makes one random event, if what is generated is possible.
func (h *history) step(t *rapid.T) {
	id, r := h.any(t), h.Records()
	switch o := r.Orders[id]; rapid.SampledFrom(steps).Draw(t, "step") {
	case "hold":
		h.buy(t)
	case "pay":
		if id == "" || rapid.IntRange(0, 9).Draw(t, "stray") == 9 {
			id = rapid.SampledFrom([]sale.OrderID{"b1", "r1", "l1", "nobody"}).Draw(t, "unknown")
		}
		amount := 1000 * int64(max(1, r.Orders[id].Quantity))
		if rapid.IntRange(0, 9).Draw(t, "wrong amount") == 9 {
			amount = 1500
		}
		h.pay(payID(t, id, amount), id, amount)
	case "part":
		if id != "" {
			h.someOf(t, o)
		}
	case "cancel":
		if o.State == sale.StateHeld {
			h.end(id, sale.StateCancelled)
		}
	case "expire":
		if o.State == sale.StateHeld {
			h.end(id, sale.StateExpired)
		}
	case "refund":
		if o.State == sale.StatePaid {
			h.end(id, sale.StateRefunded)
		}
	case "settle":
		if due := h.Payments(sale.PaymentDue); len(due) > 0 {
			h.settle(rapid.SampledFrom(due).Draw(t, "due").ID)
		}
	case "restock":
		key := rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(t, "key")
		delta := rapid.SampledFrom([]int64{-1, 1, 2}).Draw(t, "delta")
		if _, used := r.Restocks[key]; !used && r.Counters().Remaining+delta >= 0 {
			h.restock(key, delta)
		}
	case "close":
		h.close(!r.Sale.Closed)
	}
}

// someOf returns a part of a payment for an order, or all of it.
func (h *history) someOf(t *rapid.T, o sale.Order) {
	h.next++
	part, all := sale.PaymentID(fmt.Sprintf("part-%s%d", h.name, h.next)), 1000*int64(o.Quantity)
	amount := rapid.SampledFrom([]int64{300, all}).Draw(t, "amount")
	if rapid.Bool().Draw(t, "reported") {
		h.returned(part, payID(t, o.ID, all), o.ID, amount)
		return
	}
	if _, err := h.RefundPart(o.ID, part, amount); err != nil && !errors.Is(err, sale.ErrConflict) {
		t.Fatal(err)
	}
	h.Now++
}

// payID is one of two payments of so much for an order.
func payID(t *rapid.T, order sale.OrderID, amount int64) sale.PaymentID {
	return sale.PaymentID(fmt.Sprintf("pay-%s-%d-%d", order, amount, rapid.IntRange(1, 2).Draw(t, "payment")))
}

// buy has a buyer ask for tickets. Some ids are the same in another fork, as a claim is sent
// again under its id.
func (h *history) buy(t *rapid.T) {
	buyer := rapid.SampledFrom([]sale.Buyer{"ann", "bob", "cid", "dan"}).Draw(t, "buyer")
	quantity := rapid.IntRange(1, 2).Draw(t, "quantity")
	h.next++
	id := sale.OrderID(fmt.Sprintf("%s%d", h.name, h.next))
	if rapid.IntRange(0, 3).Draw(t, "sent again") == 0 {
		id = sale.OrderID(fmt.Sprintf("again-%s-%d", buyer, quantity))
	}
	h.claim(id, buyer, quantity)
}

// any is one of the orders, mostly a live one, or "" without one.
func (h *history) any(t *rapid.T) sale.OrderID {
	orders := h.Records().Orders
	ids := slices.Sorted(maps.Keys(orders))
	live := slices.DeleteFunc(slices.Clone(ids), func(id sale.OrderID) bool { return !orders[id].State.Live() })
	if len(live) > 0 && rapid.IntRange(0, 3).Draw(t, "ended") < 3 {
		ids = live
	}
	if len(ids) > 0 {
		return rapid.SampledFrom(ids).Draw(t, "order")
	}
	return ""
}

// run makes some random events, and returns the history as it was after each.
func (h *history) run(t *rapid.T, least, most int) (past []*history) {
	past = append(past, h.copy(h.name))
	for n := rapid.IntRange(least, most).Draw(t, "steps"); n > 0; n-- {
		h.step(t)
		if h.Chain() != past[len(past)-1].Chain() {
			past = append(past, h.copy(h.name))
		}
	}
	return past
}
