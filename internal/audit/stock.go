package audit

import (
	"fmt"
	"slices"

	"onsale/internal/sale"
)

// faults collects broken promises, as text.
type faults []string

func (f *faults) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

// sorted are the faults in an order that does not change from look to look.
func (f faults) sorted() []string {
	slices.Sort(f)
	return f
}

// Stock compares Redis with itself: the books with the orders (P1), one live
// order a buyer (P2), deadlines and payments with the orders, and the stream
// with all of them (P3, P7), the line with its places (L2, L4), and
// each order's place with its front (L1). No fault means that it agrees.
func Stock(s sale.Snapshot) []string {
	var f faults
	f.books(s)
	f.buyers(s)
	f.deadlines(s)
	f.payments(s)
	f.lists(s)
	f.parts(s)
	f.stream(s)
	f.places(s)
	f.drawn(s)
	f.turns(s)
	return f.sorted()
}

func (f *faults) books(s sale.Snapshot) {
	c, counted := s.Counters, s.Records.Counters()
	if !c.Conserved() {
		f.add("books: remaining %d + held %d + paid %d is not total %d", c.Remaining, c.Held, c.Paid, c.Total)
	}
	if counted.Held != c.Held || counted.Paid != c.Paid {
		f.add("orders add up to held %d and paid %d, the books have %d and %d", counted.Held, counted.Paid, c.Held, c.Paid)
	}
	if counted.Total != c.Total {
		f.add("opening and restocks add up to total %d, the books have %d", counted.Total, c.Total)
	}
	if live := counted.Held + counted.Paid; live > c.Total {
		f.add("oversold: %d tickets in live orders of %d", live, c.Total)
	}
}

func (f *faults) buyers(s sale.Snapshot) {
	live := map[sale.Buyer]sale.OrderID{}
	for id, o := range s.Orders {
		if !o.State.Live() {
			continue
		}
		if other, ok := live[o.Buyer]; ok {
			f.add("buyer %q has two live orders, %s and %s", o.Buyer, other, id)
		}
		live[o.Buyer] = id
		if buyer, kept := s.Live[id]; !kept || buyer != o.Buyer {
			f.add("live order %s is not among the orders as its buyer's", id)
		}
		if s.Buyers[o.Buyer] != id {
			f.add("live order %s is not the one that its buyer's entry names", id)
		}
	}
	for id, buyer := range s.Live {
		if s.Buyers[buyer] != id {
			f.add("order %s is kept as live, and the entry of its buyer %q names another", id, buyer)
		}
	}
	for buyer, id := range s.Buyers {
		if _, ok := live[buyer]; !ok {
			f.add("buyer %q has an entry for %s, which is not live", buyer, id)
		}
	}
}

// deadlines: every hold has one. An order that has left its hold may have one for a while.
func (f *faults) deadlines(s sale.Snapshot) {
	for id, o := range s.Orders {
		if _, waits := s.Deadlines[id]; o.State == sale.StateHeld && !waits {
			f.add("held order %s has no deadline", id)
		}
	}
}

// payments: exactly the paid orders have a payment applied to them, of their amount. Those
// that cost nothing have none.
func (f *faults) payments(s sale.Snapshot) {
	applied := map[sale.OrderID]sale.PaymentID{}
	for id, p := range s.Payments {
		o, known := s.Orders[p.Order]
		switch {
		case !known && p.State != sale.PaymentApplied: // its order may have been removed, or never was
		case !known:
			f.add("payment %s is applied to %s, which does not exist", id, p.Order)
		case p.State != sale.PaymentApplied:
		case applied[p.Order] != "":
			f.add("order %s was paid by %s and by %s", p.Order, applied[p.Order], id)
		default:
			applied[p.Order] = id
			if o.State != sale.StatePaid {
				f.add("payment %s is applied to %s, which is %s", id, p.Order, o.State)
			}
			if want := s.Sale.Amount(o.Quantity); p.Amount != want || p.Currency != s.Sale.Currency {
				f.add("payment %s is %d %s, the order costs %d %s", id, p.Amount, p.Currency, want, s.Sale.Currency)
			}
		}
	}
	for id, o := range s.Orders {
		switch free, paid := s.Sale.Price == 0 && o.Free(), applied[id] != ""; {
		case o.State != sale.StatePaid:
		case !free && !paid:
			f.add("order %s is paid by no payment", id)
		case free && paid:
			f.add("order %s costs nothing, and payment %s is applied to it", id, applied[id])
		}
	}
}

// lists: an operator finds every payment in the list of its state, and no other. A
// snapshot without lists is one of an earlier layout.
func (f *faults) lists(s sale.Snapshot) {
	if s.Listed == nil {
		return
	}
	for id, p := range s.Payments {
		if in := s.Listed[id]; in != p.State {
			f.add("payment %s is %s, and listed as %q", id, p.State, in)
		}
	}
	for id := range s.Listed {
		if _, known := s.Payments[id]; !known {
			f.add("payment %s is listed, and does not exist", id)
		}
	}
}

// parts checks that what Redis has of the parts of each payment adds up, and that no payment
// that is due has nothing left.
func (f *faults) parts(s sale.Snapshot) {
	if s.Parts == nil {
		return
	}
	counted := s.Records.Refunded()
	for id, parts := range counted {
		if s.Parts[id] != parts {
			f.add("of payment %s %d goes back in parts, and is kept as %d", id, parts, s.Parts[id])
		}
		if p := s.Payments[id]; p.State == sale.PaymentDue && p.Gone(parts) {
			f.add("payment %s is due, and all of it goes back in parts", id)
		}
	}
	for id, parts := range s.Parts {
		if _, known := counted[id]; !known {
			f.add("of payment %s %d is kept to go back in parts, and there are none", id, parts)
		}
	}
	for id, p := range s.Payments {
		if p.Of != "" && p.State == sale.PaymentApplied {
			f.add("payment %s is a part of %s, and applied", id, p.Of)
		}
	}
}

// stream: its last event of an order or a payment is what Redis holds, and
// no order came back to life on the way. A stream that begins with the sale's opening
// has lost nothing, so it must hold every event.
func (f *faults) stream(s sale.Snapshot) {
	streamed := sale.NewRecords()
	for _, e := range s.Stream {
		if e.Fault != "" {
			f.add("stream entry %s can't be read: %s", e.ID, e.Fault)
		}
		for _, o := range e.Orders {
			if before, known := streamed.Orders[o.ID]; known && !before.State.Live() || known && o.State == sale.StateHeld {
				f.add("order %s came back from %s to %s", o.ID, before.State, o.State)
			}
		}
		streamed.Apply(e)
	}
	for id, o := range streamed.Orders {
		// An ended order may have been removed.
		if now, known := s.Orders[id]; now != o && (known || o.State.Live()) {
			f.add("order %s is %s in the stream, and %s", id, o.State, state(now.State, known))
		}
	}
	for id, p := range streamed.Payments {
		if now, known := s.Payments[id]; now != p {
			f.add("payment %s is %s in the stream, and %s", id, p.State, state(now.State, known))
		}
	}
	if !Whole(s) {
		return
	}
	for id := range s.Orders {
		if _, ok := streamed.Orders[id]; !ok {
			f.add("order %s is not in the stream", id)
		}
	}
	for id := range s.Payments {
		if _, ok := streamed.Payments[id]; !ok {
			f.add("payment %s is not in the stream", id)
		}
	}
	if c := streamed.Counters(); c != s.Counters {
		f.add("stream adds up to %+v, the books have %+v", c, s.Counters)
	}
}

// Whole reports whether the stream still begins with the sale's opening: no
// ledger has committed anything yet.
func Whole(s sale.Snapshot) bool { return len(s.Stream) > 0 && s.Stream[0].Opened != nil }

// state names a state, or that there is none.
func state[S ~string](s S, known bool) string {
	if !known {
		return "unknown in Redis"
	}
	return string(s) + " in Redis"
}
