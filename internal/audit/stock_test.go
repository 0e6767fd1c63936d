package audit_test

import (
	"testing"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

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
			[]string{`orders add up to held 1 and paid 2, the books have 2 and 2`}},
		"a payment that the books miscount": {func(s *sale.Snapshot) { s.Counters.Held, s.Counters.Paid = 2, 1 },
			[]string{`orders add up to held 1 and paid 2, the books have 2 and 1`}},
		"a total that nobody ordered": {func(s *sale.Snapshot) { s.Counters.Total, s.Counters.Remaining = 116, 113 },
			[]string{`opening and restocks add up to total 115, the books have 116`}},
		"a restock that the books don't know": {func(s *sale.Snapshot) { s.Restocks["another"] = 1 },
			[]string{`opening and restocks add up to total 116, the books have 115`}},
		"a restock that left no trace": {func(s *sale.Snapshot) { delete(s.Restocks, "less") },
			[]string{`opening and restocks add up to total 120, the books have 115`}},
		"an order that left no trace": {func(s *sale.Snapshot) {
			delete(s.Orders, "a")
			delete(s.Buyers, "ann")
			delete(s.Live, "a")
			delete(s.Deadlines, "a")
		}, []string{`orders add up to held 0 and paid 2, the books have 1 and 2`}},
		"more sold than there is": {func(s *sale.Snapshot) {
			s.Buyers["fay"], s.Live["f"] = "f", "fay"
			s.Orders["f"] = order("f", "fay", 113, sale.StateHeld)
			s.Deadlines["f"] = s.Orders["f"].Expires
			s.Counters.Held, s.Counters.Remaining = 113, 0
		}, []string{`orders add up to held 114 and paid 2, the books have 113 and 2`, `oversold: 116 tickets in live orders of 115`}},
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
		"ended orders that were removed": {removeEnded, nil},
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
			edit(s.Orders, "a", func(o *sale.Order) { o.Expires = 1 })
			s.Deadlines["a"] = 1
		}, nil},

		// The payments.
		"a payment for no order":                  {func(s *sale.Snapshot) { record(s, paid("p", "z", 1, sale.PaymentDue, sale.ReasonOrphan)) }, nil},
		"a payment for an order that was removed": {func(s *sale.Snapshot) { delete(s.Orders, "e") }, nil},
		"an applied payment for no order": {func(s *sale.Snapshot) { record(s, paid("p", "z", 1, sale.PaymentApplied, "")) },
			[]string{`payment p is applied to z, which does not exist`}},
		"an order paid twice": {func(s *sale.Snapshot) { record(s, paid("p", "b", 2, sale.PaymentApplied, "")) },
			[]string{`order b was paid by (p and by pb|pb and by p)`}},
		"a payment applied to a hold": {func(s *sale.Snapshot) { record(s, paid("p", "a", 1, sale.PaymentApplied, "")) },
			[]string{`payment p is applied to a, which is held`}},
		"a payment applied to an ended order": {func(s *sale.Snapshot) { record(s, paid("p", "c", 3, sale.PaymentApplied, "")) },
			[]string{`payment p is applied to c, which is expired`}},
		"a payment still applied to a refunded order": {func(s *sale.Snapshot) { record(s, paid("pd", "d", 1, sale.PaymentApplied, "")) },
			[]string{`payment pd is applied to d, which is refunded`}},
		"a payment of too little": {func(s *sale.Snapshot) { record(s, paid("pb", "b", 1, sale.PaymentApplied, "")) },
			[]string{`payment pb is 1000 EUR, the order costs 2000 EUR`}},
		"a payment of too much": {func(s *sale.Snapshot) { record(s, paid("pb", "b", 3, sale.PaymentApplied, "")) },
			[]string{`payment pb is 3000 EUR, the order costs 2000 EUR`}},
		"a payment of another currency": {func(s *sale.Snapshot) {
			edit(s.Payments, "pb", func(p *sale.Payment) { p.Currency = "CHF" })
		}, []string{`payment pb is 2000 CHF, the order costs 2000 EUR`}},
		"a due payment of another amount": {func(s *sale.Snapshot) { record(s, paid("p", "a", 9, sale.PaymentDue, sale.ReasonAmount)) }, nil},
		"a free order in a sale that has a price": {func(s *sale.Snapshot) {
			lose(s, "pb")
			put(s, freed(s.Orders["b"]))
		}, []string{`order b is paid by no payment`}},
		"an order that nobody paid for":    {func(s *sale.Snapshot) { lose(s, "pb") }, []string{`order b is paid by no payment`}},
		"an order whose payment went back": {func(s *sale.Snapshot) { record(s, paid("pb", "b", 2, sale.PaymentSettled, sale.ReasonLate)) }, []string{`order b is paid by no payment`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := eventfulSale().read()
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
			s := eventfulSale().read()
			c.change(&s)
			wantFaults(t, audit.Stock(s), c.want...)
		})
	}
}

// TestAPartThatIsCountedTwice: a refund would return too little, or too much.
func TestAPartThatIsCountedTwice(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		want   []string
	}{
		"once":   {func(*sale.Snapshot) {}, nil},
		"twice":  {func(s *sale.Snapshot) { s.Parts["pb"] = 600 }, []string{`of payment pb 300 goes back in parts, and is kept as 600`}},
		"never":  {func(s *sale.Snapshot) { delete(s.Parts, "pb") }, []string{`of payment pb 300 goes back in parts, and is kept as 0`}},
		"none":   {func(s *sale.Snapshot) { s.Parts["pd"] = 1 }, []string{`of payment pd 1 is kept to go back in parts, and there are none`}},
		"unread": {func(s *sale.Snapshot) { s.Parts = nil }, nil},
		"all of one that is due": {func(s *sale.Snapshot) {
			p := paid("rd", "d", 1, sale.PaymentDue, sale.ReasonPartial)
			p.Of = "pd"
			record(s, p)
			s.Parts["pd"] = 1000
		}, []string{`payment pd is due, and all of it goes back in parts`}},
		"one that is applied": {func(s *sale.Snapshot) {
			edit(s.Payments, "rb", func(p *sale.Payment) { p.State, p.Order = sale.PaymentApplied, "z" })
			s.Listed["rb"] = sale.PaymentApplied
		}, []string{`payment rb is applied to z, which does not exist`, `payment rb is a part of pb, and applied`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := eventfulSale().read()
			c.change(&s)
			wantFaults(t, audit.Stock(s), c.want...)
		})
	}
}

// freed is the order as it is where it costs nothing.
func freed(o sale.Order) sale.Order {
	o.State, o.Expires = sale.StatePaid, o.Created
	return o
}

// A sound sale that costs nothing had "paid by no payment" as a fault of each order.
func TestAFreeOrderIsPaidByNoPayment(t *testing.T) {
	h := opened(0)
	h.hold(claim("a", "ann", 1), claim("b", "bob", 2))
	h.refund("b")
	h.pay("p", "a", 7)
	s := h.snapshot(0)
	wantFaults(t, audit.Stock(s))
	wantFaults(t, audit.Ledger(s, h.book()))

	s = h.read()
	record(&s, paid("p", "a", 0, sale.PaymentApplied, ""))
	wantFaults(t, audit.Stock(s), `order a costs nothing, and payment p is applied to it`)

	// A hold that was paid by nobody is another matter, whatever the sale costs.
	s = h.read()
	put(&s, order("a", "ann", 1, sale.StatePaid))
	wantFaults(t, audit.Stock(s), `order a is paid by no payment`)
}
