package ledger

import (
	"fmt"
	"maps"
	"slices"

	"onsale/internal/sale"
)

// The calls that buyers, payment providers and operators have nodes make.

// since is the event that last changed something, or with which the epoch began.
func (w *world) since(changed func(sale.Event) bool) sale.Mark {
	for _, e := range slices.Backward(w.redis.Events()) {
		if changed(e) {
			return e.Mark
		}
	}
	return w.redis.Events()[0].Mark
}

func (w *world) ackOrder(o sale.Order) *ack {
	return &ack{order: o, mark: w.since(func(e sale.Event) bool {
		return slices.ContainsFunc(e.Orders, func(is sale.Order) bool { return is.ID == o.ID })
	})}
}

func (w *world) ackPayment(p sale.Payment) *ack {
	return &ack{payment: p, mark: w.since(func(e sale.Event) bool {
		return slices.ContainsFunc(e.Payments, func(is sale.Payment) bool { return is.ID == p.ID })
	})}
}

// claim sends one or two claims in a call, new ones or again.
func (w *world) claim() ([]*ack, error) {
	var batch []sale.Claim
	for range oneOf(w, "claims", 1, 1, 2) {
		if len(w.claims) > 0 && oneOf(w, "again", false, false, false, false, true) {
			batch = append(batch, oneOf(w, "claim", w.claims...))
			continue
		}
		batch = append(batch, sale.Claim{
			Order: sale.OrderID(w.id("o")), Buyer: oneOf(w, "buyer", worldBuyers...),
			Quantity: oneOf(w, "quantity", 1, 2),
		})
		w.claims = append(w.claims, batch[len(batch)-1])
	}
	decisions, err := w.redis.Decide(batch, false)
	var acks []*ack
	for i, d := range decisions {
		w.count("claim %s", d.Outcome)
		own := d.Outcome == sale.Held || d.Outcome == sale.Replayed && d.Order.ID == batch[i].Order
		if own && d.Order.Taken() {
			if d.Order.Free() {
				w.count("claim paid at once")
			}
			a := w.ackOrder(d.Order)
			a.held, a.again = true, d.Outcome == sale.Replayed
			acks = append(acks, a)
		}
	}
	return acks, err
}

// order picks an order of Redis, mostly one of a state, or one that was asked for at any time.
func (w *world) order(state sale.State) sale.Claim {
	var all, in []sale.Claim
	orders := w.redis.Records().Orders
	for _, id := range slices.Sorted(maps.Keys(orders)) {
		o := orders[id]
		all = append(all, sale.Claim{Order: o.ID, Buyer: o.Buyer, Quantity: o.Quantity})
		if o.State == state {
			in = append(in, all[len(all)-1])
		}
	}
	switch from := oneOf(w, "from", "state", "state", "state", "state", "state", "all", "all", "any"); {
	case from == "state" && len(in) > 0:
		return oneOf(w, "order", in...)
	case from != "any" && len(all) > 0:
		return oneOf(w, "order", all...)
	}
	return oneOf(w, "order", append([]sale.Claim{{Order: "nobody's", Buyer: "eve", Quantity: 1}}, w.claims...)...)
}

func (w *world) pay() ([]*ack, error) {
	c := w.order(sale.StateHeld)
	amount := int64(100 * c.Quantity)
	n := oneOf(w, "payment", 1, 1, 1, 1, 2, 3)
	if n == 3 {
		amount++
	}
	return w.paid(c, sale.PaymentID(fmt.Sprintf("p-%s-%d", c.Order, n)), amount)
}

func (w *world) paid(c sale.Claim, id sale.PaymentID, amount int64) ([]*ack, error) {
	r, err := w.redis.Pay(sale.Payment{ID: id, Message: sale.MessageID("m" + id), Order: c.Order, Amount: amount, Currency: "EUR"})
	if err != nil {
		return nil, err
	}
	w.count("payment %s %s", r.Payment.State, r.Payment.Reason)
	acks := []*ack{w.ackPayment(r.Payment)}
	if r.Payment.State == sale.PaymentApplied && r.Order.State == sale.StatePaid {
		acks = append(acks, w.ackOrder(r.Order))
	}
	return acks, nil
}

func (w *world) cancel() ([]*ack, error) {
	c := w.order(sale.StateHeld)
	o, err := w.redis.Cancel(c.Order, c.Buyer)
	if err != nil {
		return nil, err
	}
	w.count("cancel")
	return []*ack{w.ackOrder(o)}, nil
}

func (w *world) refund() ([]*ack, error) {
	r, err := w.redis.Refund(w.order(sale.StatePaid).Order)
	if err != nil {
		return nil, err
	}
	w.count("refund")
	acks := []*ack{w.ackOrder(r.Order)}
	if r.Order.Free() {
		w.count("refund of nothing")
	}
	if r.Payment.ID != "" {
		acks = append(acks, w.ackPayment(r.Payment))
	}
	return acks, nil
}

// part has an operator or the provider return a part of a payment, or all of it, which
// perhaps has not been reported yet.
func (w *world) part() ([]*ack, error) {
	c := w.order(sale.StatePaid)
	of := sale.PaymentID(fmt.Sprintf("p-%s-%d", c.Order, oneOf(w, "payment", 1, 1, 1, 2)))
	amount := oneOf[int64](w, "amount", 30, 100, 200)
	if oneOf(w, "by", "operator", "provider") == "operator" {
		r, err := w.redis.RefundPart(c.Order, sale.PaymentID(w.id("part-")), amount)
		if err != nil {
			return nil, err
		}
		w.count("part asked for")
		return []*ack{w.ackPayment(r.Payment)}, nil
	}
	id := sale.PaymentID(w.id("part-"))
	r, err := w.redis.Pay(sale.Payment{
		ID: id, Message: sale.MessageID("m" + id), Order: c.Order, Amount: amount, Currency: "EUR", Of: of, Reason: sale.ReasonReturned,
	})
	if err != nil {
		return nil, err
	}
	w.count("part reported")
	return []*ack{w.ackPayment(r.Payment)}, nil
}

func (w *world) settle() ([]*ack, error) {
	payments := w.redis.Records().Payments
	for _, id := range slices.Sorted(maps.Keys(payments)) {
		if payments[id].State == sale.PaymentDue {
			p, err := w.redis.Settle(id)
			w.count("settle")
			return []*ack{w.ackPayment(p)}, err
		}
	}
	return nil, nil
}

func (w *world) restock() ([]*ack, error) {
	change := sale.Restock{Key: w.id("k"), Delta: oneOf[int64](w, "delta", -1, 1)}
	if _, err := w.redis.Restock(change.Delta, change.Key); err != nil {
		return nil, err
	}
	w.count("restock")
	return []*ack{{restock: change, mark: w.redis.Chain().Mark}}, nil
}

// change gives the sale another title, and a price that orders may forbid.
func (w *world) change() ([]*ack, error) {
	d := w.redis.Records().Sale
	d.Total, d.Title = w.redis.Records().Opened, w.id("Night ")
	d.Price = oneOf(w, "price", d.Price, d.Price, d.Price, d.Price+1, 0)
	err := w.redis.Change(d)
	if err == nil {
		w.count("change")
	}
	return nil, err
}

// closing closes the sale, or lets it sell again.
func (w *world) closing() ([]*ack, error) {
	return nil, w.redis.SetClosed(oneOf(w, "closed", true, false, false) && !w.redis.Records().Sale.Closed)
}
