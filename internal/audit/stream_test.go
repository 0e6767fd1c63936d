package audit_test

import (
	"testing"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

// orders and payments are events of these alone.
func orders(o ...sale.Order) sale.Event { return sale.Event{Orders: o} }

func payments(p ...sale.Payment) sale.Event { return sale.Event{Payments: p} }

func TestStream(t *testing.T) {
	is := eventfulSale().read()
	// an order of the sale in another state, and a payment.
	in := func(id sale.OrderID, state sale.State) sale.Event {
		o := is.Orders[id]
		o.State = state
		return orders(o)
	}
	unknown := paid("pz", "b", 2, sale.PaymentDue, sale.ReasonLate)
	for name, c := range map[string]struct {
		stream func(events []sale.Event) []sale.Event // what it has of the sale's events, and beside them
		want   []string
	}{
		"that is empty has no fault":                 {func([]sale.Event) []sale.Event { return nil }, nil},
		"with the whole history has none":            {func(all []sale.Event) []sale.Event { return all }, nil},
		"with the end of the history has none":       {func(all []sale.Event) []sale.Event { return all[3:] }, nil},
		"whose beginning was committed is not whole": {func(all []sale.Event) []sale.Event { return losing(all[2:], 2, 4) }, nil},
		"with an entry that can't be read": {func(all []sale.Event) []sale.Event { return append(all, sale.Event{ID: "7-7", Fault: "event \"x\""}) },
			[]string{`stream entry 7-7 can't be read: event "x"`}},

		"that brings an expired order back": {func([]sale.Event) []sale.Event {
			return []sale.Event{in("c", sale.StateExpired), in("c", sale.StateHeld), in("c", sale.StateExpired)}
		}, []string{`order c came back from expired to held`}},
		"that ends an order twice": {func([]sale.Event) []sale.Event {
			return []sale.Event{in("c", sale.StateExpired), in("c", sale.StateExpired)}
		}, []string{`order c came back from expired to expired`}},
		"that pays a refunded order": {func([]sale.Event) []sale.Event {
			return []sale.Event{in("d", sale.StateRefunded), in("d", sale.StatePaid), in("d", sale.StateRefunded)}
		}, []string{`order d came back from refunded to paid`}},
		"that makes a hold of a paid order": {func([]sale.Event) []sale.Event {
			return []sale.Event{in("b", sale.StatePaid), in("b", sale.StateHeld), in("b", sale.StatePaid)}
		}, []string{`order b came back from paid to held`}},
		"that grants a hold twice": {func([]sale.Event) []sale.Event { return []sale.Event{in("a", sale.StateHeld), in("a", sale.StateHeld)} },
			[]string{`order a came back from held to held`}},

		"that has an order cancelled": {func([]sale.Event) []sale.Event { return []sale.Event{in("a", sale.StateCancelled)} },
			[]string{`order a is cancelled in the stream, and held in Redis`}},
		"that has an order larger": {func([]sale.Event) []sale.Event {
			e := in("a", sale.StateHeld)
			e.Orders[0].Quantity = 4
			return []sale.Event{e}
		}, []string{`order a is held in the stream, and held in Redis`}},
		"that knows an ended order more": {func([]sale.Event) []sale.Event {
			return []sale.Event{orders(order("z", "zoe", 1, sale.StateExpired))}
		}, nil},
		"that knows a live order more": {func([]sale.Event) []sale.Event { return []sale.Event{orders(order("z", "zoe", 1, sale.StateHeld))} },
			[]string{`order z is held in the stream, and unknown in Redis`}},
		"that has a payment due": {func([]sale.Event) []sale.Event {
			p := is.Payments["pb"]
			p.State, p.Reason = sale.PaymentDue, sale.ReasonLate
			return []sale.Event{payments(p)}
		}, []string{`payment pb is due in the stream, and applied in Redis`}},
		"that knows one payment more": {func([]sale.Event) []sale.Event { return []sale.Event{payments(unknown)} },
			[]string{`payment pz is due in the stream, and unknown in Redis`}},

		"that is whole and lacks a whole order": {func(all []sale.Event) []sale.Event {
			all[1].Orders = all[1].Orders[:2]
			return losing(all, 14)
		}, []string{`order c is not in the stream`}},
		"that is whole and lacks a payment": {func(all []sale.Event) []sale.Event { return losing(all, 8, 13) },
			[]string{`payment pe is not in the stream`}},
		"that is whole and lacks a restock": {func(all []sale.Event) []sale.Event { return losing(all, 4) },
			[]string{`stream adds up to \{Total:95 Remaining:92 Held:1 Paid:2\}, the books have \{Total:115 Remaining:112 Held:1 Paid:2\}`}},
		"that is whole and opened with another total": {func(all []sale.Event) []sale.Event {
			d := definition()
			d.Total = 99
			all[0].Opened = &d
			return all
		}, []string{`stream adds up to \{Total:114 Remaining:111 Held:1 Paid:2\}, the books have \{Total:115 Remaining:112 Held:1 Paid:2\}`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := eventfulSale().snapshot(0)
			s.Stream = c.stream(s.Stream)
			wantFaults(t, audit.Stock(s), c.want...)
		})
	}
}

func TestAStreamIsWholeWhileItBeginsWithTheOpening(t *testing.T) {
	all := eventfulSale().events()
	for name, c := range map[string]struct {
		stream []sale.Event
		want   bool
	}{
		"whole": {all, true}, "the opening alone": {all[:1], true}, "empty": {nil, false}, "committed in part": {all[1:], false},
		"an opening behind something": {append(all[1:2:2], all...), false},
	} {
		s := eventfulSale().snapshot(0)
		if s.Stream = c.stream; audit.Whole(s) != c.want {
			t.Errorf("%s: got %v, want %v", name, !c.want, c.want)
		}
	}
}
