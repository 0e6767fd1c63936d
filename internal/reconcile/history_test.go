package reconcile_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// TestMain runs each property some thousand times, unless a flag says how often.
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
		ID: "s", Title: "Night", Kind: sale.Ticket, Price: 1000, Currency: "EUR", Total: 3, Limit: 2, Lapses: 1,
		Opens: noon, HoldFor: 10 * time.Minute,
	}
}

// history is a naive Redis of one sale that forgets nothing. It can be copied,
// and so be lost from or forked.
type history struct {
	name    string // part of what the links depend on, so that forks differ
	now     sale.Instant
	records sale.Records
	chain   sale.Chain
	links   []string // by number, from 1
	born    map[sale.OrderID]int64
	ended   map[sale.OrderID]int64
	holds   []reconcile.Hold
	next    int
}

func opened(total int64) *history {
	h := &history{name: "p", now: noon, records: sale.NewRecords(), born: map[sale.OrderID]int64{}, ended: map[sale.OrderID]int64{}}
	h.chain = sale.Chain{Life: "life", Mark: sale.Mark{Epoch: 1, Link: "life"}}
	d := definition()
	d.Total = total
	h.event(sale.Event{Opened: &d})
	return h
}

// copy goes on by itself, as another fork if it has another name.
func (h *history) copy(name string) *history {
	c := *h
	c.name, c.records, c.links, c.holds = name, h.records.Clone(), slices.Clone(h.links), slices.Clone(h.holds)
	c.born, c.ended = maps.Clone(h.born), maps.Clone(h.ended)
	return &c
}

func (h *history) event(e sale.Event) {
	h.chain.Mark = h.chain.Next(fmt.Sprint(h.name, e.Orders, e.Payments))
	h.links = append(h.links, h.chain.Link)
	for _, o := range e.Orders {
		if _, known := h.born[o.ID]; !known {
			h.born[o.ID] = h.chain.Seq
		}
		if !o.State.Live() {
			h.ended[o.ID] = h.chain.Seq
		}
	}
	h.records.Apply(e)
	h.now++
}

func (h *history) hold(id sale.OrderID, buyer sale.Buyer, quantity int) sale.Order {
	o := sale.Order{ID: id, Buyer: buyer, Quantity: quantity, State: sale.StateHeld, Created: h.now, Expires: h.now.Add(h.records.Sale.HoldFor)}
	if h.records.Sale.Price == 0 {
		o.State, o.Expires = sale.StatePaid, o.Created
	}
	h.event(sale.Event{Orders: []sale.Order{o}})
	h.holds = append(h.holds, reconcile.Hold{Order: o, Mark: h.chain.Mark, Life: h.chain.Life, Node: "n" + h.name})
	return o
}

// end takes an order to a state that is not live.
func (h *history) end(id sale.OrderID, state sale.State) {
	o := h.records.Orders[id]
	o.State = state
	e := sale.Event{Orders: []sale.Order{o}}
	for _, p := range h.records.Payments {
		if state == sale.StateRefunded && p.Order == id && p.State == sale.PaymentApplied {
			p.State, p.Reason = sale.PaymentDue, sale.ReasonRefunded
			e.Payments = append(e.Payments, p)
		}
	}
	h.event(e)
}

// pay reports a payment, as resolve.lua takes it.
func (h *history) pay(payment sale.PaymentID, id sale.OrderID, amount int64) {
	if _, told := h.records.Payments[payment]; told {
		return
	}
	o, known := h.records.Orders[id]
	p := sale.Payment{ID: payment, Message: sale.MessageID("m" + payment), Order: id, Amount: amount, Currency: "EUR", State: sale.PaymentDue, At: h.now}
	switch {
	case !known:
		p.Reason = sale.ReasonOrphan
	case o.State == sale.StatePaid && o.Free():
		p.Reason = sale.ReasonAmount
	case o.State == sale.StatePaid:
		p.Reason = sale.ReasonDoubled
	case o.State != sale.StateHeld:
		p.Reason = sale.ReasonLate
	case amount != h.records.Sale.Amount(o.Quantity):
		p.Reason = sale.ReasonAmount
	default:
		p.State, o.State = sale.PaymentApplied, sale.StatePaid
		h.event(sale.Event{Orders: []sale.Order{o}, Payments: []sale.Payment{p}})
		return
	}
	h.event(sale.Event{Payments: []sale.Payment{p}})
}

// side is the history as a record holds it.
func (h *history) side() *reconcile.Side {
	links := h.links
	return &reconcile.Side{
		Records: h.records.Clone(), Chain: h.chain, Selling: true,
		LinkAt: func(seq int64) (string, bool) {
			if seq < 1 || seq > int64(len(links)) {
				return "", false
			}
			return links[seq-1], true
		},
	}
}

// dropping is the history in a Redis that knows that the ledger had committed up
// to read, and has dropped orders that had ended by then.
func (h *history) dropping(read int64, drop func(sale.OrderID) bool) *reconcile.Side {
	s := h.side()
	s.Read = read
	for _, id := range slices.Sorted(maps.Keys(h.ended)) {
		if h.ended[id] <= read && drop(id) {
			delete(s.Records.Orders, id)
		}
	}
	return s
}

// steps by how often each is tried: the first ones most often.
var steps = []string{"pay", "hold", "expire", "pay", "hold", "cancel", "pay", "refund", "pay", "hold", "settle", "restock", "close"}

// step makes one random event, if what is drawn is possible.
func (h *history) step(t *rapid.T) {
	id := h.any(t)
	switch o := h.records.Orders[id]; rapid.SampledFrom(steps).Draw(t, "step") {
	case "hold":
		h.claim(t)
	case "pay":
		if id == "" || rapid.IntRange(0, 9).Draw(t, "stray") == 9 {
			id = rapid.SampledFrom([]sale.OrderID{"b1", "r1", "l1", "nobody"}).Draw(t, "unknown")
		}
		amount := 1000 * int64(max(1, h.records.Orders[id].Quantity))
		if rapid.IntRange(0, 9).Draw(t, "wrong amount") == 9 {
			amount = 1500
		}
		h.pay(sale.PaymentID(fmt.Sprintf("pay-%s-%d-%d", id, amount, rapid.IntRange(1, 2).Draw(t, "payment"))), id, amount)
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
		for _, pid := range slices.Sorted(maps.Keys(h.records.Payments)) {
			if p := h.records.Payments[pid]; p.State == sale.PaymentDue {
				p.State = sale.PaymentSettled
				h.event(sale.Event{Payments: []sale.Payment{p}})
				return
			}
		}
	case "restock":
		key := rapid.SampledFrom([]string{"k1", "k2", "k3"}).Draw(t, "key")
		delta := rapid.SampledFrom([]int64{-1, 1, 2}).Draw(t, "delta")
		if _, used := h.records.Restocks[key]; !used && h.records.Counters().Remaining+delta >= 0 {
			h.event(sale.Event{Restock: &sale.Restock{Key: key, Delta: delta}})
		}
	case "close":
		closed := !h.records.Sale.Closed
		h.event(sale.Event{Closed: &closed})
	}
}

// claim sells to a buyer without a live order. Some ids are the same in another
// fork, as a claim is sent again under its id.
func (h *history) claim(t *rapid.T) {
	buyer := rapid.SampledFrom([]sale.Buyer{"ann", "bob", "cid", "dan"}).Draw(t, "buyer")
	quantity := rapid.IntRange(1, 2).Draw(t, "quantity")
	for _, o := range h.records.Orders {
		if o.Buyer == buyer && o.State.Live() {
			return
		}
	}
	h.next++
	id := sale.OrderID(fmt.Sprintf("%s%d", h.name, h.next))
	if rapid.IntRange(0, 3).Draw(t, "sent again") == 0 {
		id = sale.OrderID(fmt.Sprintf("again-%s-%d", buyer, quantity))
	}
	if _, known := h.records.Orders[id]; !known && h.records.Counters().Remaining >= int64(quantity) {
		h.hold(id, buyer, quantity)
	}
}

// any is one of the orders, mostly a live one, or "" without one.
func (h *history) any(t *rapid.T) sale.OrderID {
	ids := slices.Sorted(maps.Keys(h.records.Orders))
	live := slices.DeleteFunc(slices.Clone(ids), func(id sale.OrderID) bool { return !h.records.Orders[id].State.Live() })
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
		if h.chain.Mark != past[len(past)-1].chain.Mark {
			past = append(past, h.copy(h.name))
		}
	}
	return past
}

func (h *history) settle(id sale.PaymentID) {
	p := h.records.Payments[id]
	p.State = sale.PaymentSettled
	h.event(sale.Event{Payments: []sale.Payment{p}})
}
