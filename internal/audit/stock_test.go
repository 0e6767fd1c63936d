package audit_test

import (
	"testing"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

// put adds an order to a snapshot whose books know it.
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

func TestStock(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		want   []string
	}{
		"a sound sale has no fault": {func(*sale.Snapshot) {}, nil},

		// The books.
		"a ticket that is nowhere": {func(s *sale.Snapshot) { s.Counters.Remaining-- },
			[]string{`books: remaining 111 \+ held 1 \+ paid 2 is not total 115`}},
		"books that are negative": {func(s *sale.Snapshot) {
			s.Opened, s.Counters.Total, s.Counters.Remaining = s.Opened-114, 1, -2
		}, []string{`books: remaining -2 \+ held 1 \+ paid 2 is not total 1`, `oversold: 3 tickets in live orders of 1`}},
		"a hold that the books miscount": {func(s *sale.Snapshot) { s.Counters.Held, s.Counters.Remaining = 2, 111 },
			[]string{`orders add up to held 1 and paid 2, the books say 2 and 2`}},
		"a payment that the books miscount": {func(s *sale.Snapshot) { s.Counters.Held, s.Counters.Paid = 2, 1 },
			[]string{`orders add up to held 1 and paid 2, the books say 2 and 1`}},
		"a total that nobody ordered": {func(s *sale.Snapshot) { s.Counters.Total, s.Counters.Remaining = 116, 113 },
			[]string{`opening and restocks add up to total 115, the books say 116`}},
		"a restock that the books don't know": {func(s *sale.Snapshot) { s.Restocks["another"] = 1 },
			[]string{`opening and restocks add up to total 116, the books say 115`}},
		"a restock that left no trace": {func(s *sale.Snapshot) { delete(s.Restocks, "less") },
			[]string{`opening and restocks add up to total 120, the books say 115`}},
		"an order that left no trace": {func(s *sale.Snapshot) {
			delete(s.Orders, "a")
			delete(s.Buyers, "ann")
			delete(s.Live, "a")
			delete(s.Deadlines, "a")
		}, []string{`orders add up to held 0 and paid 2, the books say 1 and 2`}},
		"more sold than there is": {func(s *sale.Snapshot) {
			s.Buyers["fay"], s.Live["f"] = "f", "fay"
			s.Orders["f"] = order("f", "fay", 113, sale.StateHeld)
			s.Deadlines["f"] = s.Orders["f"].Expires
			s.Counters.Held, s.Counters.Remaining = 113, 0
		}, []string{`orders add up to held 114 and paid 2, the books say 113 and 2`, `oversold: 116 tickets in live orders of 115`}},
		"all sold, and no more": {func(s *sale.Snapshot) {
			s.Buyers["fay"] = "f"
			put(s, order("f", "fay", 112, sale.StateHeld))
		}, nil},

		// One live order a buyer.
		"two live orders of a buyer": {func(s *sale.Snapshot) { put(s, order("f", "ann", 1, sale.StateHeld)) },
			[]string{`buyer "ann" has two live orders, (a and f|f and a)`, `live order f is not the one that its buyer's entry names`,
				`order f is kept as live, and the entry of its buyer "ann" names another`}},
		"an ended order beside a live one": {func(s *sale.Snapshot) { put(s, order("f", "ann", 1, sale.StateExpired)) }, nil},
		"a live order without an entry": {func(s *sale.Snapshot) { delete(s.Buyers, "bob") },
			[]string{`live order b is not the one that its buyer's entry names`, `order b is kept as live, and the entry of its buyer "bob" names another`}},
		"an entry that names another's order": {func(s *sale.Snapshot) { s.Buyers["ann"] = "b" },
			[]string{`live order a is not the one that its buyer's entry names`, `order a is kept as live, and the entry of its buyer "ann" names another`}},
		"a live order that is not among the orders": {func(s *sale.Snapshot) { delete(s.Live, "b") },
			[]string{`live order b is not among the orders as its buyer's`}},
		"a live order that is kept as another's": {func(s *sale.Snapshot) { s.Live["b"] = "ann" },
			[]string{`live order b is not among the orders as its buyer's`, `order b is kept as live, and the entry of its buyer "ann" names another`}},
		"an ended order that is kept as live": {func(s *sale.Snapshot) { s.Live["c"] = "cid" },
			[]string{`order c is kept as live, and the entry of its buyer "cid" names another`}},
		"ended orders that were removed": {func(s *sale.Snapshot) {
			for id, o := range s.Orders {
				if !o.State.Live() {
					delete(s.Orders, id)
				}
			}
		}, nil},
		"an entry for an ended order": {func(s *sale.Snapshot) { s.Buyers["cid"] = "c" },
			[]string{`buyer "cid" has an entry for c, which is not live`}},
		"an entry for no order": {func(s *sale.Snapshot) { s.Buyers["zoe"] = "z" },
			[]string{`buyer "zoe" has an entry for z, which is not live`}},

		// The deadlines.
		"a hold without a deadline": {func(s *sale.Snapshot) { delete(s.Deadlines, "a") }, []string{`held order a has no deadline`}},
		// An order leaves its deadline when that has come.
		"a deadline of a paid order":   {func(s *sale.Snapshot) { s.Deadlines["b"] = noon }, nil},
		"a deadline of an ended order": {func(s *sale.Snapshot) { s.Deadlines["c"] = noon }, nil},
		"a deadline of no order":       {func(s *sale.Snapshot) { s.Deadlines["z"] = noon }, nil},
		"a deadline that has passed": {func(s *sale.Snapshot) {
			o := s.Orders["a"]
			o.Expires = 1
			s.Orders["a"], s.Deadlines["a"] = o, 1
		}, nil},

		// The payments.
		"a payment for no order":                  {func(s *sale.Snapshot) { s.Payments["p"] = paid("p", "z", 1, sale.PaymentDue, sale.ReasonOrphan) }, nil},
		"a payment for an order that was removed": {func(s *sale.Snapshot) { delete(s.Orders, "e") }, nil},
		"an applied payment for no order": {func(s *sale.Snapshot) { s.Payments["p"] = paid("p", "z", 1, sale.PaymentApplied, "") },
			[]string{`payment p is applied to z, which does not exist`}},
		"an order paid twice": {func(s *sale.Snapshot) { s.Payments["p"] = paid("p", "b", 2, sale.PaymentApplied, "") },
			[]string{`order b was paid by (p and by pb|pb and by p)`}},
		"a payment applied to a hold": {func(s *sale.Snapshot) { s.Payments["p"] = paid("p", "a", 1, sale.PaymentApplied, "") },
			[]string{`payment p is applied to a, which is held`}},
		"a payment applied to an ended order": {func(s *sale.Snapshot) { s.Payments["p"] = paid("p", "c", 3, sale.PaymentApplied, "") },
			[]string{`payment p is applied to c, which is expired`}},
		"a payment still applied to a refunded order": {func(s *sale.Snapshot) { s.Payments["pd"] = paid("pd", "d", 1, sale.PaymentApplied, "") },
			[]string{`payment pd is applied to d, which is refunded`}},
		"a payment of too little": {func(s *sale.Snapshot) { s.Payments["pb"] = paid("pb", "b", 1, sale.PaymentApplied, "") },
			[]string{`payment pb is 1000 EUR, the order costs 2000 EUR`}},
		"a payment of too much": {func(s *sale.Snapshot) { s.Payments["pb"] = paid("pb", "b", 3, sale.PaymentApplied, "") },
			[]string{`payment pb is 3000 EUR, the order costs 2000 EUR`}},
		"a payment of another currency": {func(s *sale.Snapshot) {
			p := paid("pb", "b", 2, sale.PaymentApplied, "")
			p.Currency = "CHF"
			s.Payments["pb"] = p
		}, []string{`payment pb is 2000 CHF, the order costs 2000 EUR`}},
		"a due payment of another amount": {func(s *sale.Snapshot) { s.Payments["p"] = paid("p", "a", 9, sale.PaymentDue, sale.ReasonAmount) }, nil},
		"a free order in a sale that has a price": {func(s *sale.Snapshot) {
			delete(s.Payments, "pb")
			put(s, freed(s.Orders["b"]))
		}, []string{`order b is paid by no payment`}},
		"an order that nobody paid for":    {func(s *sale.Snapshot) { delete(s.Payments, "pb") }, []string{`order b is paid by no payment`}},
		"an order whose payment went back": {func(s *sale.Snapshot) { s.Payments["pb"] = paid("pb", "b", 2, sale.PaymentSettled, sale.ReasonLate) }, []string{`order b is paid by no payment`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := story().snapshot(nil)
			c.change(&s)
			wantFaults(t, audit.Stock(s), c.want...)
		})
	}
}

// TestAPaymentThatNobodyFinds: its refund would never be made.
func TestAPaymentThatNobodyFinds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		want   []string
	}{
		"each in its list":         {func(*sale.Snapshot) {}, nil},
		"one in none":              {func(s *sale.Snapshot) { delete(s.Listed, "pd") }, []string{`payment pd is due, and listed as ""`}},
		"one in another":           {func(s *sale.Snapshot) { s.Listed["pd"] = sale.PaymentSettled }, []string{`payment pd is due, and listed as "settled"`}},
		"one that is not":          {func(s *sale.Snapshot) { s.Listed["p"] = sale.PaymentDue }, []string{`payment p is listed, and does not exist`}},
		"a sale that has no lists": {func(s *sale.Snapshot) { s.Listed = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := story().snapshot(nil)
			s.Listed = map[sale.PaymentID]sale.PaymentState{}
			for id, p := range s.Payments {
				s.Listed[id] = p.State
			}
			c.change(&s)
			wantFaults(t, audit.Stock(s), c.want...)
		})
	}
}

func TestStream(t *testing.T) {
	held, expired := order("a", "ann", 1, sale.StateHeld), order("c", "cid", 3, sale.StateExpired)
	for name, c := range map[string]struct {
		stream func(h history) history // what it has of the story, and beside it
		want   []string
	}{
		"that is empty has no fault":                 {func(history) history { return nil }, nil},
		"with the whole story has none":              {func(h history) history { return h }, nil},
		"with the end of the story has none":         {func(h history) history { return h[3:] }, nil},
		"whose beginning was committed is not whole": {func(h history) history { return h[1:].without(0, 3, 5) }, nil},
		"with an entry that can't be read": {func(h history) history { return append(h, sale.Event{ID: "7-7", Fault: "event \"x\""}) },
			[]string{`stream entry 7-7 can't be read: event "x"`}},

		"that brings an expired order back": {func(history) history {
			return history{orders(expired), orders(order("c", "cid", 3, sale.StateHeld)), orders(expired)}
		}, []string{`order c came back from expired to held`}},
		"that ends an order twice": {func(history) history { return history{orders(expired), orders(expired)} },
			[]string{`order c came back from expired to expired`}},
		"that pays a refunded order": {func(history) history {
			return history{orders(order("d", "dan", 1, sale.StateRefunded)), orders(order("d", "dan", 1, sale.StatePaid)), orders(order("d", "dan", 1, sale.StateRefunded))}
		}, []string{`order d came back from refunded to paid`}},
		"that makes a hold of a paid order": {func(history) history {
			return history{orders(order("b", "bob", 2, sale.StatePaid)), orders(order("b", "bob", 2, sale.StateHeld)), orders(order("b", "bob", 2, sale.StatePaid))}
		}, []string{`order b came back from paid to held`}},
		"that grants a hold twice": {func(history) history { return history{orders(held), orders(held)} },
			[]string{`order a came back from held to held`}},

		"that says an order is cancelled": {func(history) history { return history{orders(order("a", "ann", 1, sale.StateCancelled))} },
			[]string{`order a is cancelled in the stream, and held in Redis`}},
		"that says an order is larger": {func(history) history { return history{orders(order("a", "ann", 4, sale.StateHeld))} },
			[]string{`order a is held in the stream, and held in Redis`}},
		"that knows an ended order more": {func(history) history { return history{orders(order("z", "zoe", 1, sale.StateExpired))} }, nil},
		"that knows a live order more": {func(history) history { return history{orders(order("z", "zoe", 1, sale.StateHeld))} },
			[]string{`order z is held in the stream, and unknown in Redis`}},
		"that says a payment is due": {func(history) history { return history{payments(paid("pb", "b", 2, sale.PaymentDue, sale.ReasonLate))} },
			[]string{`payment pb is due in the stream, and applied in Redis`}},
		"that knows one payment more": {func(history) history { return history{payments(paid("pz", "b", 2, sale.PaymentDue, sale.ReasonLate))} },
			[]string{`payment pz is due in the stream, and unknown in Redis`}},

		"that is whole and lacks a whole order": {func(h history) history {
			h[1].Orders = h[1].Orders[:2]
			return h[:len(h)-1]
		}, []string{`order c is not in the stream`}},
		"that is whole and lacks a payment": {func(h history) history { return h.without(8, 13) },
			[]string{`payment pe is not in the stream`}},
		"that is whole and lacks a restock": {func(h history) history { return h.without(4) },
			[]string{`stream adds up to \{Total:95 Remaining:92 Held:1 Paid:2\}, the books say \{Total:115 Remaining:112 Held:1 Paid:2\}`}},
		"that is whole and opened with another total": {func(h history) history {
			d := definition()
			d.Total = 99
			h[0].Opened = &d
			return h
		}, []string{`stream adds up to \{Total:114 Remaining:111 Held:1 Paid:2\}, the books say \{Total:115 Remaining:112 Held:1 Paid:2\}`}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFaults(t, audit.Stock(story().snapshot(c.stream(story()))), c.want...)
		})
	}
}

func TestAStreamIsWholeWhileItBeginsWithTheOpening(t *testing.T) {
	h := story()
	for name, c := range map[string]struct {
		stream history
		want   bool
	}{
		"whole": {h, true}, "the opening alone": {h[:1], true}, "empty": {nil, false}, "committed in part": {h[1:], false},
		"an opening behind something": {append(history{h[1]}, h...), false},
	} {
		if got := audit.Whole(h.snapshot(c.stream)); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// freed is the order as it is where it costs nothing.
func freed(o sale.Order) sale.Order {
	o.State, o.Expires = sale.StatePaid, o.Created
	return o
}

// A sound sale that costs nothing had "paid by no payment" as a fault of each order.
func TestAFreeOrderIsPaidByNoPayment(t *testing.T) {
	d := definition()
	d.Price = 0
	var h history
	h.then(sale.Event{Opened: &d})
	a, b := freed(order("a", "ann", 1, "")), freed(order("b", "bob", 2, ""))
	h.then(orders(a, b))
	b.State = sale.StateRefunded
	h.then(orders(b))
	h.then(payments(paid("p", "a", 7, sale.PaymentDue, sale.ReasonAmount)))
	s := h.snapshot(h)
	wantFaults(t, audit.Stock(s))
	wantFaults(t, audit.Ledger(s, h.book()))

	s = h.snapshot(nil)
	s.Payments["p"] = paid("p", "a", 0, sale.PaymentApplied, "")
	wantFaults(t, audit.Stock(s), `order a costs nothing, and payment p is applied to it`)

	// A hold that was paid by nobody is another matter, whatever the sale costs.
	s = h.snapshot(nil)
	put(&s, order("a", "ann", 1, sale.StatePaid))
	wantFaults(t, audit.Stock(s), `order a is paid by no payment`)
}
