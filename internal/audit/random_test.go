package audit_test

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

// draws makes up a history by what is possible at each step.
type draws struct {
	*rapid.T
	history
	now    sale.Instant
	orders map[sale.OrderID]sale.Order
	live   map[sale.Buyer]bool
	due    map[sale.PaymentID]sale.Payment
	paid   map[sale.OrderID]sale.Payment // what is applied
	closed bool
	number int
}

// random is a history of up to forty events. Many share a millisecond.
func random(t *rapid.T) history {
	d := &draws{
		T: t, now: noon, orders: map[sale.OrderID]sale.Order{}, live: map[sale.Buyer]bool{},
		due: map[sale.PaymentID]sale.Payment{}, paid: map[sale.OrderID]sale.Payment{},
	}
	opened := definition()
	d.at(d.now, sale.Event{Opened: &opened})
	steps := []func() sale.Event{d.hold, d.hold, d.end, d.pay, d.pay, d.misspend, d.refund, d.settle, d.restock, d.close}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		e := rapid.SampledFrom(steps).Draw(t, "step")()
		if reflect.DeepEqual(e, sale.Event{}) {
			continue // nothing to do that to
		}
		d.now += sale.Instant(rapid.IntRange(0, 2).Draw(t, "ms"))
		d.at(d.now, e)
	}
	return d.history
}

func (d *draws) id(prefix string) string {
	d.number++
	return fmt.Sprint(prefix, d.number)
}

// some are up to three orders in a state, in the order of their ids.
func (d *draws) some(state sale.State) (chosen []sale.Order) {
	for i := 1; i <= d.number && len(chosen) < 3; i++ {
		o, known := d.orders[sale.OrderID(fmt.Sprint("o", i))]
		if known && o.State == state && rapid.Bool().Draw(d.T, "chosen") {
			chosen = append(chosen, o)
		}
	}
	return chosen
}

// hold is a batch of claims that Redis granted.
func (d *draws) hold() (e sale.Event) {
	for range rapid.IntRange(1, 3).Draw(d.T, "claims") {
		buyer := rapid.SampledFrom([]sale.Buyer{"ann", "bob", "cid", "dan", "eve"}).Draw(d.T, "buyer")
		if d.live[buyer] {
			continue
		}
		o := order(sale.OrderID(d.id("o")), buyer, rapid.IntRange(1, 4).Draw(d.T, "quantity"), sale.StateHeld)
		e.Orders, d.orders[o.ID], d.live[buyer] = append(e.Orders, o), o, true
	}
	return e
}

// end expires holds, or cancels one.
func (d *draws) end() (e sale.Event) {
	state := rapid.SampledFrom([]sale.State{sale.StateExpired, sale.StateCancelled}).Draw(d.T, "end")
	for _, o := range d.some(sale.StateHeld) {
		if o.State = state; state == sale.StateExpired || len(e.Orders) == 0 {
			e.Orders, d.orders[o.ID], d.live[o.Buyer] = append(e.Orders, o), o, false
		}
	}
	return e
}

func (d *draws) pay() (e sale.Event) {
	for _, o := range d.some(sale.StateHeld) {
		o.State = sale.StatePaid
		p := paid(sale.PaymentID(d.id("p")), o.ID, o.Quantity, sale.PaymentApplied, "")
		d.orders[o.ID], d.paid[o.ID] = o, p
		return sale.Event{Orders: []sale.Order{o}, Payments: []sale.Payment{p}}
	}
	return e
}

// misspend is a payment that buys nothing.
func (d *draws) misspend() (e sale.Event) {
	reasons := map[sale.State]sale.Reason{
		sale.StateHeld: sale.ReasonAmount, sale.StatePaid: sale.ReasonDoubled,
		sale.StateExpired: sale.ReasonLate, sale.StateCancelled: sale.ReasonLate, sale.StateRefunded: sale.ReasonLate,
	}
	state := rapid.SampledFrom([]sale.State{sale.StateHeld, sale.StatePaid, sale.StateExpired, sale.StateCancelled, sale.StateRefunded}).Draw(d.T, "of")
	for _, o := range d.some(state) {
		p := paid(sale.PaymentID(d.id("p")), o.ID, 7, sale.PaymentDue, reasons[state])
		d.due[p.ID] = p
		return payments(p)
	}
	return e
}

func (d *draws) refund() (e sale.Event) {
	for _, o := range d.some(sale.StatePaid) {
		o.State = sale.StateRefunded
		p := d.paid[o.ID]
		p.State, p.Reason = sale.PaymentDue, sale.ReasonRefunded
		d.orders[o.ID], d.live[o.Buyer], d.due[p.ID] = o, false, p
		return sale.Event{Orders: []sale.Order{o}, Payments: []sale.Payment{p}}
	}
	return e
}

func (d *draws) settle() (e sale.Event) {
	for i := 1; i <= d.number; i++ {
		p, is := d.due[sale.PaymentID(fmt.Sprint("p", i))]
		if !is || !rapid.Bool().Draw(d.T, "settled") {
			continue
		}
		delete(d.due, p.ID)
		p.State = sale.PaymentSettled
		return payments(p)
	}
	return e
}

func (d *draws) restock() sale.Event {
	return restock(d.id("k"), rapid.SampledFrom([]int64{-1, 1, 50}).Draw(d.T, "delta"))
}

func (d *draws) close() sale.Event {
	d.closed = !d.closed
	return closing(d.closed)
}

// Of a sound sale, the ledger may be anywhere: behind the snapshot or ahead of it, and with
// more or less of what it has committed still in the stream.
func TestARandomSoundSaleHasNoFault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := random(t)
		seen := rapid.IntRange(1, len(h)).Draw(t, "seen by the snapshot")
		most := seen
		for most < len(h) && h[most].Restock == nil && h[most].Closed == nil {
			most++ // these two show until the next audit, as another test has it
		}
		stands := rapid.IntRange(0, most).Draw(t, "committed")
		from := rapid.IntRange(0, min(stands, seen)).Draw(t, "forgotten")
		s, b := h[:seen].snapshot(h[from:seen]), h[:stands].book()
		s.At = h[seen-1].At
		if seen < len(h) {
			s.At = sale.Instant(rapid.Int64Range(int64(s.At), int64(h[seen].At)).Draw(t, "at"))
		}
		if got := append(audit.Stock(s), audit.Ledger(s, b)...); len(got) > 0 {
			t.Errorf("got faults %q, want none", got)
		}
	})
}

// An event that reached neither the ledger nor its stream is found, unless a later one tells
// all of it again.
func TestALostEventIsAFault(t *testing.T) {
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		h := random(t)
		lost := rapid.IntRange(0, len(h)-1).Draw(t, "lost")
		stands := rapid.IntRange(0, len(h)).Draw(t, "committed")
		var committed, stream history
		for i, e := range h {
			switch {
			case i == lost:
			case i < stands:
				committed = append(committed, e)
			default:
				stream = append(stream, e)
			}
		}
		missed := !reflect.DeepEqual(h.without(lost).records(), h.records())
		got := audit.Ledger(h.snapshot(stream), committed.book())
		if (len(got) > 0) != missed {
			t.Errorf("event %d of %d lost, which is missed: %v; got faults %q", lost, len(h), missed, got)
		}
		if missed {
			found++
		}
	})
	if found == 0 {
		t.Error("no event that was lost was missed, want most")
	}
}

// A stream that was never read has to tell of everything.
func TestAnEventLostFromAWholeStreamIsAFault(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := random(t)
		if len(h) == 1 {
			return
		}
		lost := rapid.IntRange(1, len(h)-1).Draw(t, "lost")
		without, whole := h.without(lost).records(), h.records()
		without.Sale, whole.Sale = sale.Sale{}, sale.Sale{} // whether it is closed is not in the books
		missed := !reflect.DeepEqual(without, whole)
		if got := audit.Stock(h.snapshot(h.without(lost))); (len(got) > 0) != missed {
			t.Errorf("event %d of %d lost, which is missed: %v; got faults %q", lost, len(h), missed, got)
		}
	})
}
