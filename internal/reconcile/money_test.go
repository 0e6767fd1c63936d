package reconcile_test

import (
	"testing"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

func TestPaidInOneForkAndEndedInTheOther(t *testing.T) {
	for name, c := range map[string]struct {
		total    int64
		paid     func(*history)
		ended    func(*history)
		want     want
		decision reconcile.Decisions
	}{
		"is paid if its tickets are free": {
			total: 1, paid: func(h *history) { h.pay("pay", "a1", 1000) }, ended: func(h *history) { h.end("a1", sale.StateExpired) },
			want: want{
				orders: []string{"a1 paid"}, payments: []string{"pay applied"},
				cases: []string{"ended-against-paid a1 pay: it is paid: its tickets are free"},
			},
		},
		"stays ended if they are sold": {
			total: 1, paid: func(h *history) { h.pay("pay", "a1", 1000) },
			ended: func(h *history) { h.end("a1", sale.StateExpired); h.hold("b1", "bob", 1) },
			want: want{
				orders: []string{"a1 expired", "b1 held"}, payments: []string{"pay due late"},
				cases: []string{
					"ended-against-paid a1 pay: it is expired: its tickets are sold, so its money is due to go back",
					"payment-due a1 pay: due to go back: late",
				},
			},
		},
		"stays ended if the buyer has another order": {
			total: 3, paid: func(h *history) { h.pay("pay", "a1", 1000) },
			ended: func(h *history) { h.end("a1", sale.StateCancelled); h.hold("a2", "ann", 1) },
			want: want{
				orders: []string{"a1 cancelled", "a2 held"}, payments: []string{"pay due late"},
				cases: []string{
					"ended-against-paid a1 pay: it is cancelled: the buyer has another live order, so its money is due to go back",
					"payment-due a1 pay: due to go back: late",
				},
			},
		},
		"stays ended if its money is due to go back": {
			total: 3, paid: func(h *history) { h.pay("pay", "a1", 1000) },
			ended: func(h *history) { h.end("a1", sale.StateCancelled); h.pay("pay", "a1", 1000) },
			want: want{
				orders: []string{"a1 cancelled"}, payments: []string{"pay due late"},
				cases: []string{"ended-against-paid a1 pay: it is cancelled: its money has gone back or is due to"},
			},
		},
		"is refunded if it was": {
			total: 3, paid: func(h *history) { h.pay("pay", "a1", 1000); h.end("a1", sale.StateRefunded) },
			ended: func(h *history) { h.end("a1", sale.StateCancelled) },
			want: want{
				orders: []string{"a1 refunded"}, payments: []string{"pay due refunded"},
				cases: []string{"ended-against-paid a1 pay: it is refunded"},
			},
		},
		"by two ways of ending is cancelled": {
			total: 3, paid: func(h *history) { h.end("a1", sale.StateExpired) }, ended: func(h *history) { h.end("a1", sale.StateCancelled) },
			want: want{orders: []string{"a1 cancelled"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := ticket(c.total)
			a, b := base.copy("r"), base.copy("l")
			c.paid(a)
			c.ended(b)
			c.want.relation = reconcile.Forked
			wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, c.decision), c.want)
			b.unknown() // goes further, but by its numbers alone it might continue Redis's
			wantPlan(t, merged(t, reconcile.Input{Redis: b.side(), Ledger: a.side()}, c.decision), c.want)
		})
	}
}

func TestTwoPaymentsOfOneOrder(t *testing.T) {
	base := ticket(1)
	a, b := base.copy("r"), base.copy("l")
	a.pay("one", "a1", 1000)
	b.pay("two", "a1", 1000)
	w := want{
		relation: reconcile.Forked, orders: []string{"a1 paid"}, payments: []string{"one applied", "two due doubled"},
		cases: []string{"payment-due a1 two: due to go back: doubled"},
	}
	wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), w)
	t.Run("each doubled in the other fork", func(t *testing.T) {
		a, b := a.copy("r"), b.copy("l")
		a.pay("two", "a1", 1000)
		b.pay("one", "a1", 1000)
		w.cases = []string{"payment-due a1 one: applied: the order is paid", "payment-due a1 two: due to go back: doubled"}
		wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), w)
		a.settle("two")
		b.settle("one")
		wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), want{
			relation: reconcile.Forked, orders: []string{"a1 refunded"}, payments: []string{"one settled doubled", "two settled doubled"},
			cases: []string{"ended-against-paid a1 one two: it is refunded"},
		})
	})
}

// Redis went back and took another payment before the provider repeated the first.
func TestAnAppliedPaymentThatTheOtherForkDoubledIsListed(t *testing.T) {
	base := ticket(1)
	a, b := base.copy("r"), base.copy("l")
	a.pay("two", "a1", 1000)
	a.pay("one", "a1", 1000)
	b.pay("one", "a1", 1000)
	w := want{
		relation: reconcile.Forked, orders: []string{"a1 paid"}, payments: []string{"one due doubled", "two applied"},
		cases: []string{"payment-due a1 one: due to go back: doubled"},
	}
	wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), w)
	a.settle("one")
	w.payments, w.cases = []string{"one settled doubled", "two applied"}, []string{"payment-due a1 one: has gone back: doubled"}
	wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), w)
}

// A webhook was repeated at a Redis that had lost the order, and anyone who saw it in
// the list of orphans sent the money back.
func TestPaidOrderWhoseMoneyWentBackAsAnOrphanIsRefunded(t *testing.T) {
	base := opened(1)
	a, b := base.copy("r"), base.copy("l")
	a.pay("pay", "a1", 1000)
	a.settle("pay")
	b.hold("a1", "ann", 1)
	b.pay("pay", "a1", 1000)
	wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 refunded"}, payments: []string{"pay settled orphan"},
		cases: []string{"ended-against-paid a1 pay: it is refunded"},
	})
}

// The order was paid, expired in the other fork, and was dropped there. Both of
// its payments came late there, so neither may be taken for it.
func TestLatePaymentsOfADroppedOrderAreNotAppliedToItsPaidFork(t *testing.T) {
	base := ticket(1)
	a, b := base.copy("r"), base.copy("l")
	a.end("a1", sale.StateExpired)
	a.pay("one", "a1", 1000)
	a.pay("two", "a1", 1000)
	b.pay("one", "a1", 1000)
	b.pay("two", "a1", 1000)
	redis := a.dropping(a.seq(), func(sale.OrderID) bool { return true })
	wantPlan(t, merged(t, reconcile.Input{Redis: redis, Ledger: b.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 expired"}, payments: []string{"one due late", "two due doubled"},
		cases: []string{"ended-against-paid a1 one two: it is expired"},
	})
}

func TestPaymentThatCameBeforeItsOrderWasKnown(t *testing.T) {
	for name, c := range map[string]struct {
		amount int64
		order  func(*history)
		want   want
	}{
		"pays a held order": {1000, func(*history) {}, want{
			orders: []string{"a1 paid"}, payments: []string{"pay applied"},
			cases: []string{"orphan-payment a1 pay: applied: the order is paid"},
		}},
		"is due if the amount differs": {999, func(*history) {}, want{
			orders: []string{"a1 held"}, payments: []string{"pay due amount"},
			cases: []string{"orphan-payment a1 pay: due to go back: amount"},
		}},
		"is due if the order has ended": {1000, func(h *history) { h.end("a1", sale.StateExpired) }, want{
			orders: []string{"a1 expired"}, payments: []string{"pay due late"},
			cases: []string{"orphan-payment a1 pay: due to go back: late"},
		}},
		"is due if another one paid": {1000, func(h *history) { h.pay("other", "a1", 1000) }, want{
			orders: []string{"a1 paid"}, payments: []string{"other applied", "pay due doubled"},
			cases: []string{"orphan-payment a1 pay: due to go back: doubled"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			h := opened(1)
			redis := h.copy("r")
			redis.pay("pay", "a1", c.amount)
			h.name = "l"
			h.hold("a1", "ann", 1)
			c.order(h)
			c.want.relation = reconcile.Forked
			wantPlan(t, merged(t, reconcile.Input{Redis: redis.side(), Ledger: h.side()}, reconcile.Decisions{}), c.want)
		})
	}
	t.Run("stays an orphan if nobody knows the order", func(t *testing.T) {
		h := opened(1)
		h.pay("pay", "gone", 1000)
		wantPlan(t, merged(t, reconcile.Input{Redis: h.side()}, reconcile.Decisions{}), want{relation: reconcile.RedisAlone, payments: []string{"pay due orphan"}})
	})
	t.Run("pays a hold that only a node remembers", func(t *testing.T) {
		h := ticket(1)
		redis := opened(1)
		redis.pay("pay", "a1", 1000)
		wantPlan(t, merged(t, reconcile.Input{Redis: redis.side(), Holds: h.holds}, reconcile.Decisions{}), want{
			relation: reconcile.RedisAlone, orders: []string{"a1 paid"}, payments: []string{"pay applied"},
			cases: []string{"orphan-payment a1 pay: applied: the order is paid", "hold-recovered a1: held, with a new deadline"},
		})
	})
}

func TestAppliedPaymentWithoutItsOrderIsAnOrphan(t *testing.T) {
	h := ticket(1)
	h.pay("pay", "a1", 1000)
	ledger := h.side()
	delete(ledger.Records.Orders, "a1")
	wantPlan(t, merged(t, reconcile.Input{Ledger: ledger}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerAlone, payments: []string{"pay due orphan"},
		cases: []string{"payment-due a1 pay: due to go back: orphan"},
	})
}

func TestPaidOrderWithoutAPaymentStaysPaid(t *testing.T) {
	h := ticket(1)
	h.pay("pay", "a1", 1000)
	h.pay("two", "a1", 1000)
	h.settle("two")
	ledger := h.side()
	delete(ledger.Records.Payments, "pay")
	wantPlan(t, merged(t, reconcile.Input{Ledger: ledger}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerAlone, orders: []string{"a1 paid"}, payments: []string{"two settled doubled"},
		cases: []string{"paid-without-payment a1: it stays paid"},
	})
}

func TestOnePaymentReportedWithTwoAmountsIsListed(t *testing.T) {
	base := ticket(1)
	a, b := base.copy("r"), base.copy("l")
	a.pay("pay", "a1", 999)
	b.pay("pay", "a1", 998)
	wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 held"}, payments: []string{"pay due amount"},
		cases: []string{"payment-differs pay: it is 998 EUR for order a1; ask the payment provider"},
	})
}
