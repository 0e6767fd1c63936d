package audit_test

import (
	"maps"
	"regexp"
	"slices"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/sale/model"
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

// history is a sale that the model ran, as it was after each of its events. All that Redis and
// the ledger hold of a sound sale follows from it.
type history []*model.Sale

// opened is a sale of tickets at a price that has just begun.
func opened(price int64) history {
	d := definition()
	d.Price = price
	m := model.New(d, "life", false)
	m.Now = noon
	return history{m}
}

// now is the sale after the last event.
func (h history) now() *model.Sale { return h[len(h)-1] }

// after makes a call some milliseconds after the last event, and keeps the sale if that has one
// event more. The error is the call's.
func (h *history) after(ms sale.Instant, call func(*model.Sale) error) error {
	m := h.now().Clone()
	m.Now += ms
	err := call(m)
	if m.Chain() != h.now().Chain() {
		*h = append(*h, m)
	}
	return err
}

// then makes a call that appends one event, a millisecond after the one before.
func (h *history) then(call func(*model.Sale) error) {
	length := len(*h)
	if err := h.after(1, call); err != nil {
		panic(err)
	}
	if len(*h) != length+1 || h.now().Chain().Seq != int64(length+1) {
		panic("want one event of each call")
	}
}

func (h *history) hold(claims ...sale.Claim) {
	h.then(func(m *model.Sale) error { return second(m.Decide(claims, false)) })
}

func (h *history) cancel(id sale.OrderID, buyer sale.Buyer) {
	h.then(func(m *model.Sale) error { return second(m.Cancel(id, buyer)) })
}

// pay has the payment of so many tickets arrive.
func (h *history) pay(id sale.PaymentID, order sale.OrderID, quantity int) {
	h.then(func(m *model.Sale) error { return second(m.Pay(paid(id, order, quantity, "", ""))) })
}

func (h *history) refund(id sale.OrderID) {
	h.then(func(m *model.Sale) error { return second(m.Refund(id)) })
}

func (h *history) refundPart(id sale.OrderID, part sale.PaymentID, amount int64) {
	h.then(func(m *model.Sale) error { return second(m.RefundPart(id, part, amount)) })
}

func (h *history) settle(id sale.PaymentID) {
	h.then(func(m *model.Sale) error { return second(m.Settle(id)) })
}

func (h *history) restock(key string, delta int64) {
	h.then(func(m *model.Sale) error { return second(m.Restock(delta, key)) })
}

func (h *history) close(closed bool) {
	h.then(func(m *model.Sale) error { return m.SetClosed(closed) })
}

func second[T any](_ T, err error) error { return err }

// and is the history as it goes on with more, in a copy.
func (h history) and(more func(*history)) history {
	h = slices.Clone(h)
	more(&h)
	return h
}

// events are all of them, oldest first.
func (h history) events() []sale.Event { return h.now().Events() }

// snapshot is what Redis holds a millisecond after the last event. It has forgotten so many of
// the first events, as a ledger has committed them: the rest is the stream.
func (h history) snapshot(forgotten int) sale.Snapshot {
	m := h.now().Clone()
	m.Now++
	if forgotten > 0 {
		if err := m.Forget(h[forgotten-1].Chain()); err != nil {
			panic(err)
		}
	}
	return m.Snapshot()
}

// read is a snapshot of which a ledger has committed everything.
func (h history) read() sale.Snapshot { return h.snapshot(len(h)) }

// book is what a ledger holds that has committed all of the history.
func (h history) book() sale.Book { return bookOf(h.events()) }

// bookOf is what a ledger holds that has committed these events.
func bookOf(events []sale.Event) sale.Book {
	b := sale.Book{Records: folded(events), Changed: map[sale.OrderID]sale.Instant{}, PaymentsChanged: map[sale.PaymentID]sale.Instant{}}
	for _, e := range events {
		for _, o := range e.Orders {
			b.Changed[o.ID] = e.At
		}
		for _, p := range e.Payments {
			b.PaymentsChanged[p.ID] = e.At
		}
	}
	return b
}

// folded are the records that events come to.
func folded(events []sale.Event) sale.Records {
	r := sale.NewRecords()
	for _, e := range events {
		r.Apply(e)
	}
	return r
}

// losing are the events but for some of them.
func losing(events []sale.Event, lost ...int) (left []sale.Event) {
	for i, e := range events {
		if !slices.Contains(lost, i) {
			left = append(left, e)
		}
	}
	return left
}

// eventfulSale is a sale with an order in every state and a payment in every state: ann
// holds, bob has paid, twice, and gets a part back, cid was too slow, dan has his money back,
// eve's came too late and has gone back.
func eventfulSale() history {
	h := opened(1000)
	h.hold(claim("a", "ann", 1), claim("b", "bob", 2), claim("c", "cid", 3))
	h.pay("pb", "b", 2)
	h.pay("pb2", "b", 2)
	h.restock("more", 20)
	h.hold(claim("d", "dan", 1), claim("e", "eve", 1))
	h.close(true)
	h.cancel("e", "eve")
	h.pay("pe", "e", 1)
	h.pay("pd", "d", 1)
	h.close(false)
	h.restock("less", -5)
	h.refund("d")
	h.settle("pe")
	h.then(func(m *model.Sale) error { return second(m.Expire("c")) })
	h.refundPart("b", "rb", 300)
	return h
}

func claim(id sale.OrderID, buyer sale.Buyer, quantity int) sale.Claim {
	return sale.Claim{Order: id, Buyer: buyer, Quantity: quantity}
}

// What tests put into records by hand:

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

// edit changes one entry.
func edit[K comparable, V any](m map[K]V, key K, change func(*V)) {
	v, known := m[key]
	if !known {
		panic("no such entry")
	}
	change(&v)
	m[key] = v
}

// put puts an order into a snapshot whose books know it. Its buyer's entry stays.
func put(s *sale.Snapshot, o sale.Order) {
	s.Orders[o.ID] = o
	if o.State.Live() {
		s.Live[o.ID] = o.Buyer
	}
	if o.State == sale.StateHeld {
		s.Deadlines[o.ID] = o.Expires
	}
	s.Counters = s.Records.Counters()
}

// record puts a payment into a snapshot, and into the list of its state.
func record(s *sale.Snapshot, p sale.Payment) {
	s.Payments[p.ID], s.Listed[p.ID] = p, p.State
}

// lose takes a payment out of a snapshot, and out of its list.
func lose(s *sale.Snapshot, id sale.PaymentID) {
	delete(s.Payments, id)
	delete(s.Listed, id)
}

// removeEnded takes the orders that have ended out of a snapshot, as Redis does in time.
func removeEnded(s *sale.Snapshot) {
	maps.DeleteFunc(s.Orders, func(_ sale.OrderID, o sale.Order) bool { return !o.State.Live() })
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
