package reconcile_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// TestMain runs each property some thousand times, unless a flag sets how often.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		if err := flag.Set("rapid.checks", "2500"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

const noon sale.Instant = 1_800_000_000_000

func definition() sale.Sale {
	return sale.Sale{
		ID: "s", Title: "Night", Kind: sale.Ticket, Price: 1000, Currency: "EUR", Total: 3, Limit: 2,
		Opens: noon, HoldFor: 10 * time.Minute,
	}
}

// history is a sale in a Redis that forgets nothing. It can be copied, and so be lost from or forked.
type history struct {
	*model.Sale
	name  string // part of what some events are, so that forks differ
	holds []reconcile.Hold
	next  int
}

func opened(total int64) *history { return openedAt(1000, total) }

func openedAt(price, total int64) *history {
	d := definition()
	d.Price, d.Total = price, total
	h := &history{Sale: model.New(d, "life", false), name: "p"}
	h.Now = noon + 1
	return h
}

// copy goes on by itself, as another fork if it has another name.
func (h *history) copy(name string) *history {
	return &history{Sale: h.Clone(), name: name, holds: slices.Clone(h.holds), next: h.next}
}

// then ends a call, which must have succeeded.
func (h *history) then(err error) {
	if err != nil {
		panic(err)
	}
	h.Now++
}

// unknown appends an event that changes nothing.
func (h *history) unknown() {
	h.AppendUnknown(h.name)
	h.Now++
}

func (h *history) hold(id sale.OrderID, buyer sale.Buyer, quantity int) sale.Order {
	d := h.claim(id, buyer, quantity)
	if d.Outcome != sale.Held {
		panic(fmt.Sprintf("hold of %s: got %s", id, d.Outcome))
	}
	return d.Order
}

// claim sends a claim, which a node remembers if it is granted.
func (h *history) claim(id sale.OrderID, buyer sale.Buyer, quantity int) sale.Decision {
	d, err := h.Decide([]sale.Claim{{Order: id, Buyer: buyer, Quantity: quantity}}, false)
	h.then(err)
	if d[0].Outcome == sale.Held {
		h.holds = append(h.holds, reconcile.Hold{Order: d[0].Order, Mark: h.Chain().Mark, Life: h.Chain().Life, Node: "n" + h.name})
	}
	return d[0]
}

// end takes an order to a state that is not live.
func (h *history) end(id sale.OrderID, state sale.State) {
	var err error
	switch state {
	case sale.StateCancelled:
		_, err = h.Cancel(id, h.Records().Orders[id].Buyer)
	case sale.StateExpired:
		_, err = h.Expire(id)
	case sale.StateRefunded:
		_, err = h.Refund(id)
	}
	h.then(err)
}

// pay reports a payment, unless it came before.
func (h *history) pay(payment sale.PaymentID, id sale.OrderID, amount int64) {
	if _, known := h.Records().Payments[payment]; known {
		return
	}
	h.payIn("EUR", payment, id, amount)
}

func (h *history) payIn(currency string, payment sale.PaymentID, id sale.OrderID, amount int64) {
	_, err := h.Pay(sale.Payment{ID: payment, Message: sale.MessageID("m" + payment), Order: id, Amount: amount, Currency: currency})
	h.then(err)
}

// refundPart has so much of what paid an order go back.
func (h *history) refundPart(part sale.PaymentID, order sale.OrderID, amount int64) {
	_, err := h.RefundPart(order, part, amount)
	h.then(err)
}

// returned reports that so much of a payment, which may be unknown yet, has gone back.
func (h *history) returned(part, of sale.PaymentID, order sale.OrderID, amount int64) {
	_, err := h.Pay(sale.Payment{
		ID: part, Message: sale.MessageID("m" + part), Order: order, Amount: amount, Currency: "EUR", Of: of, Reason: sale.ReasonReturned,
	})
	h.then(err)
}

func (h *history) settle(id sale.PaymentID) {
	_, err := h.Settle(id)
	h.then(err)
}

func (h *history) restock(key string, delta int64) {
	_, err := h.Restock(delta, key)
	h.then(err)
}

func (h *history) close(closed bool) { h.then(h.SetClosed(closed)) }

// seq is how many events there are, and link the link of one.
func (h *history) seq() int64            { return h.Chain().Seq }
func (h *history) link(seq int64) string { return h.Events()[seq-1].Mark.Link }

// born and ended are the events that granted each order, and that ended it.
func (h *history) born() map[sale.OrderID]int64 {
	return h.first(func(sale.Order) bool { return true })
}

func (h *history) ended() map[sale.OrderID]int64 {
	return h.first(func(o sale.Order) bool { return !o.State.Live() })
}

func (h *history) first(is func(sale.Order) bool) map[sale.OrderID]int64 {
	seqs := map[sale.OrderID]int64{}
	for _, e := range slices.Backward(h.Events()) {
		for _, o := range e.Orders {
			if is(o) {
				seqs[o.ID] = e.Mark.Seq
			}
		}
	}
	return seqs
}

// side is the history as a record holds it.
func (h *history) side() *reconcile.Side {
	v := h.Snapshot()
	return &reconcile.Side{Records: v.Records, Chain: v.Chain, Selling: true, LinkAt: v.LinkAt}
}

// dropping is the history in a Redis that knows that the ledger had committed up
// to read, and has dropped orders that had ended by then.
func (h *history) dropping(read int64, drop func(sale.OrderID) bool) *reconcile.Side {
	s := h.side()
	s.Read = read
	ended := h.ended()
	for _, id := range slices.Sorted(maps.Keys(ended)) {
		if ended[id] <= read && drop(id) {
			delete(s.Records.Orders, id)
		}
	}
	return s
}
