package audit_test

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"onsale/internal/sale"
)

// noon is when the sale of the tests opens.
var noon = sale.Instant(time.Date(2042, 5, 1, 12, 0, 0, 0, time.UTC).UnixMilli())

// definition is what is opened: 100 tickets at 10.00 EUR.
func definition() sale.Sale {
	return sale.Sale{
		ID: "s", Title: "Concert", Kind: sale.Ticket, Price: 1000, Currency: "EUR", Total: 100,
		Opens: noon, Limit: 4, HoldFor: time.Minute,
	}
}

// history are the events of a sale, oldest first. All that Redis and the ledger hold
// of a sound sale follows from it.
type history []sale.Event

// then adds an event, a millisecond after the one before.
func (h *history) then(e sale.Event) {
	at := noon
	if n := len(*h); n > 0 {
		at = (*h)[n-1].At + 1
	}
	h.at(at, e)
}

func (h *history) at(at sale.Instant, e sale.Event) {
	e.At, e.ID = at, fmt.Sprintf("%d-%d", at, len(*h))
	*h = append(*h, e)
}

// records are what the events come to.
func (h history) records() sale.Records {
	r := sale.NewRecords()
	for _, e := range h {
		r.Apply(e)
	}
	return r
}

// snapshot is what Redis holds after all of the history, with the newest of its
// events still in the stream.
func (h history) snapshot(stream history) sale.Snapshot {
	s := sale.Snapshot{
		Records: h.records(), At: h[len(h)-1].At + 1, Buyers: map[sale.Buyer]sale.OrderID{},
		Live: map[sale.OrderID]sale.Buyer{}, Deadlines: map[sale.OrderID]sale.Instant{}, Stream: stream,
	}
	s.Counters = s.Records.Counters()
	for id, o := range s.Orders {
		if o.State.Live() {
			s.Buyers[o.Buyer], s.Live[id] = id, o.Buyer
		}
		if o.State == sale.StateHeld {
			s.Deadlines[id] = o.Expires
		}
	}
	return s
}

// book is what a ledger holds that has committed all of the history.
func (h history) book() sale.Book {
	b := sale.Book{Records: h.records(), Changed: map[sale.OrderID]sale.Instant{}, PaymentsChanged: map[sale.PaymentID]sale.Instant{}}
	for _, e := range h {
		for _, o := range e.Orders {
			b.Changed[o.ID] = e.At
		}
		for _, p := range e.Payments {
			b.PaymentsChanged[p.ID] = e.At
		}
	}
	return b
}

func order(id sale.OrderID, buyer sale.Buyer, quantity int, state sale.State) sale.Order {
	return sale.Order{ID: id, Buyer: buyer, Quantity: quantity, State: state, Created: noon, Expires: noon.Add(time.Minute)}
}

// paid is the payment of so many tickets.
func paid(id sale.PaymentID, o sale.OrderID, quantity int, state sale.PaymentState, reason sale.Reason) sale.Payment {
	return sale.Payment{
		ID: id, Message: "msg-" + sale.MessageID(id), Order: o, Amount: 1000 * int64(quantity), Currency: "EUR",
		State: state, Reason: reason, At: noon,
	}
}

func orders(o ...sale.Order) sale.Event { return sale.Event{Orders: o} }

func payments(p ...sale.Payment) sale.Event { return sale.Event{Payments: p} }

func restock(key string, delta int64) sale.Event {
	return sale.Event{Restock: &sale.Restock{Key: key, Delta: delta}}
}

func closing(closed bool) sale.Event { return sale.Event{Closed: &closed} }

// story is a sale with an order in every state and a payment in every state: ann
// holds, bob has paid, twice, cid was too slow, dan has his money back, eve's
// came too late and has gone back.
func story() history {
	d := definition()
	var h history
	h.then(sale.Event{Opened: &d})
	h.then(orders(order("a", "ann", 1, sale.StateHeld), order("b", "bob", 2, sale.StateHeld), order("c", "cid", 3, sale.StateHeld)))
	h.then(sale.Event{Orders: []sale.Order{order("b", "bob", 2, sale.StatePaid)}, Payments: []sale.Payment{paid("pb", "b", 2, sale.PaymentApplied, "")}})
	h.then(payments(paid("pb2", "b", 2, sale.PaymentDue, sale.ReasonDoubled)))
	h.then(restock("more", 20))
	h.then(orders(order("d", "dan", 1, sale.StateHeld), order("e", "eve", 1, sale.StateHeld)))
	h.then(closing(true))
	h.then(orders(order("e", "eve", 1, sale.StateCancelled)))
	h.then(payments(paid("pe", "e", 1, sale.PaymentDue, sale.ReasonLate)))
	h.then(sale.Event{Orders: []sale.Order{order("d", "dan", 1, sale.StatePaid)}, Payments: []sale.Payment{paid("pd", "d", 1, sale.PaymentApplied, "")}})
	h.then(closing(false))
	h.then(restock("less", -5))
	h.then(sale.Event{Orders: []sale.Order{order("d", "dan", 1, sale.StateRefunded)}, Payments: []sale.Payment{paid("pd", "d", 1, sale.PaymentDue, sale.ReasonRefunded)}})
	h.then(payments(paid("pe", "e", 1, sale.PaymentSettled, sale.ReasonLate)))
	h.then(orders(order("c", "cid", 3, sale.StateExpired)))
	return h
}

// without is the history with some of its events lost.
func (h history) without(lost ...int) history {
	var left history
	for i, e := range h {
		keep := true
		for _, l := range lost {
			keep = keep && i != l
		}
		if keep {
			left = append(left, e)
		}
	}
	return left
}

// wantFaults checks that exactly these faults were found, in any order: want are
// regular expressions.
func wantFaults(t testing.TB, got []string, want ...string) {
	t.Helper()
	left := append([]string(nil), got...)
	for _, pattern := range want {
		found := false
		for i, fault := range left {
			if found = regexp.MustCompile("^(?:" + pattern + ")$").MatchString(fault); found {
				left = append(left[:i], left[i+1:]...)
				break
			}
		}
		if !found {
			t.Errorf("got faults %q, want one like %s", got, pattern)
		}
	}
	if len(left) > 0 {
		t.Errorf("got faults %q, want none but %q", left, want)
	}
}
