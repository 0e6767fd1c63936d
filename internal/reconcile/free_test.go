package reconcile_test

import (
	"testing"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// gift is a sale that costs nothing, with an order of ann.
func gift(total int64) *history {
	h := openedAt(0, total)
	h.hold("a1", "ann", 1)
	return h
}

// A node gave a free order back as a hold, which nobody would ever have paid.
func TestAFreeOrderThatANodeRemembersIsPaid(t *testing.T) {
	h := gift(3)
	ledger := h.side()
	h.hold("b1", "bob", 1)
	p := merged(t, reconcile.Input{Ledger: ledger, Holds: h.holds}, reconcile.Decisions{})
	wantPlan(t, p, want{
		relation: reconcile.LedgerAlone, orders: []string{"a1 paid", "b1 paid"}, cases: []string{"hold-recovered b1: paid, as it cost nothing"},
	})
	if o := p.Records.Orders["b1"]; o != h.Records().Orders["b1"] {
		t.Errorf("got %+v, want it as it was taken: %+v", o, h.Records().Orders["b1"])
	}
}

// Money that came for a free order is due to go back, and proves nothing about the order: the rules for a
// payment that was doubled, or unknown, would have refunded it.
func TestMoneyForAFreeOrderDoesNotEndIt(t *testing.T) {
	h := gift(3)
	redis := h.side()
	for _, unknown := range []sale.Reason{sale.ReasonOrphan, sale.ReasonDoubled} {
		for _, id := range []sale.PaymentID{"p1", "p2"} {
			redis.Records.Payments[id] = sale.Payment{ID: id, Order: "a1", Amount: 1000, Currency: "EUR", State: sale.PaymentSettled, Reason: unknown}
		}
		redis.Records.Payments["p3"] = sale.Payment{ID: "p3", Order: "a1", Amount: 0, Currency: "EUR", State: sale.PaymentDue, Reason: sale.ReasonOrphan}
		p := merged(t, reconcile.Input{Redis: redis}, reconcile.Decisions{})
		wantPlan(t, p, want{
			relation: reconcile.RedisAlone, orders: []string{"a1 paid"},
			payments: []string{"p1 settled " + string(unknown), "p2 settled " + string(unknown), "p3 due amount"},
			cases:    []string{"orphan-payment a1 p3: due to go back: amount"},
		})
	}
}

// A free order has no payment that would record its refund.
func TestAFreeOrderThatRedisDroppedWasRefunded(t *testing.T) {
	h := gift(1)
	ledger := h.side()
	h.end("a1", sale.StateRefunded)
	h.hold("b1", "bob", 1)
	all := func(sale.OrderID) bool { return true }
	wantPlan(t, merged(t, reconcile.Input{Redis: h.dropping(3, all), Ledger: ledger}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerBehind, orders: []string{"a1 refunded", "b1 paid"},
		cases: []string{"ended-unknown a1: it has ended, and counts as refunded"},
	})
	// Nor does one that a node alone remembers.
	wantPlan(t, merged(t, reconcile.Input{Redis: h.dropping(3, all), Ledger: openedAt(0, 1).side(), Holds: h.holds}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerBehind, orders: []string{"a1 refunded", "b1 paid"},
		cases: []string{"ended-unknown a1: it has ended, and counts as refunded"},
	})
}

// Of two forks one has sold for nothing. Each order keeps what it was taken for, but that none
// waits for a payment that nobody will make.
func TestForksOfAFreeAndAPricedSale(t *testing.T) {
	base := opened(3)
	free, priced := base.copy("r"), base.copy("l")
	d := definition()
	d.Price = 0
	free.then(free.Change(d))
	free.hold("a1", "ann", 1)
	free.hold("c1", "cid", 1)
	priced.hold("a1", "ann", 1) // the same claim, sent again
	priced.hold("b1", "bob", 1)
	definition := "definition-differs: as in the record that goes further, which is the first"
	free.unknown()
	wantPlan(t, merged(t, reconcile.Input{Redis: free.side(), Ledger: priced.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 paid", "b1 paid", "c1 paid"},
		cases: []string{definition, "paid-without-payment b1: it is paid"},
	})
	for range 3 {
		priced.unknown()
	}
	wantPlan(t, merged(t, reconcile.Input{Redis: free.side(), Ledger: priced.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 paid", "b1 held", "c1 paid"},
		cases: []string{definition, "paid-without-payment a1: it stays paid", "paid-without-payment c1: it stays paid"},
	})
}
