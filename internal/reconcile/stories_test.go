package reconcile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// want is what a plan comes to, in words: orders as "id state", payments as
// "id state reason", cases as "kind orders payments: decision".
type want struct {
	relation reconcile.Relation
	orders   []string
	payments []string
	cases    []string
	gaps     []reconcile.Range
}

func wantPlan(t *testing.T, p reconcile.Plan, w want) {
	t.Helper()
	got := want{relation: p.Relation, gaps: p.Gaps}
	for id, o := range p.Records.Orders {
		got.orders = append(got.orders, string(id)+" "+string(o.State))
	}
	for id, pay := range p.Records.Payments {
		got.payments = append(got.payments, strings.TrimSpace(string(id)+" "+string(pay.State)+" "+string(pay.Reason)))
	}
	for _, c := range p.Cases {
		decision := c.Decision
		if decision == "" {
			decision = strings.Join(c.Options, "|")
		}
		words := []string{string(c.Kind)}
		for _, id := range c.Orders {
			words = append(words, string(id))
		}
		for _, id := range c.Payments {
			words = append(words, string(id))
		}
		got.cases = append(got.cases, strings.Join(words, " ")+": "+decision)
	}
	slices.Sort(got.orders)
	slices.Sort(got.payments)
	if diff := cmp.Diff(w, got, cmp.AllowUnexported(want{})); diff != "" {
		t.Errorf("plan (-want +got):\n%s\n%s", diff, p)
	}
}

// ticket is a sale of n tickets in which ann holds a1.
func ticket(n int64) *history {
	h := opened(n)
	h.hold("a1", "ann", 1)
	return h
}

func TestRedisThatCameBackEmptyIsRebuiltFromTheLedgerAndTheNodes(t *testing.T) {
	h := ticket(3)
	ledger := h.side()
	h.hold("b1", "bob", 1)
	p := merged(t, reconcile.Input{Ledger: ledger, Holds: h.holds, Seen: []sale.Mark{h.chain.Mark}}, reconcile.Decisions{})
	wantPlan(t, p, want{
		relation: reconcile.LedgerAlone, orders: []string{"a1 held", "b1 held"},
		cases: []string{"hold-recovered b1: held, with a new deadline"},
	})
	if p.Life != "life" || p.Epoch != 2 || p.Redis.Orders != 2 || p.Ledger.Orders != 1 {
		t.Errorf("got life %q, epoch %d, Redis lacks %+v and the ledger %+v", p.Life, p.Epoch, p.Redis, p.Ledger)
	}
	for id, o := range p.Records.Orders {
		if want := later.Add(10 * 60e9); o.Expires != want {
			t.Errorf("%s: got deadline %d, want %d", id, o.Expires, want)
		}
	}
}

func TestDeadlineThatIsLateEnoughStays(t *testing.T) {
	h := ticket(1)
	h.now = later + 5
	h.hold("b1", "bob", 1)
	if got, want := merged(t, reconcile.Input{Redis: h.side()}, reconcile.Decisions{}).Records.Orders["b1"].Expires, h.records.Orders["b1"].Expires; got != want {
		t.Errorf("got deadline %d, want %d", got, want)
	}
}

func TestOrderThatRedisDroppedSinceTheLedgerWentBackHasEnded(t *testing.T) {
	h := ticket(4)
	h.hold("b1", "bob", 1)
	h.pay("pay", "b1", 1000)
	h.hold("c1", "cid", 1)
	ledger := h.side()
	h.end("a1", sale.StateCancelled)
	h.end("b1", sale.StateRefunded)
	h.pay("late", "a1", 1000)
	drop := func(sale.OrderID) bool { return true }
	wantPlan(t, merged(t, reconcile.Input{Redis: h.dropping(h.chain.Seq, drop), Ledger: ledger}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerBehind, orders: []string{"a1 expired", "b1 refunded", "c1 held"},
		payments: []string{"late due late", "pay due refunded"},
		cases: []string{
			"ended-unknown a1 late: it has ended, and counts as expired",
			"ended-unknown b1 pay: it has ended, and counts as refunded",
		},
	})
	t.Run("also if its links are gone", func(t *testing.T) {
		redis := h.dropping(h.chain.Seq, drop)
		redis.LinkAt = nil
		if got := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{}); got.Relation != reconcile.LedgerBehind {
			t.Errorf("got %v, want the ledger behind", got)
		}
		redis.Read = ledger.Chain.Seq - 1
		if got := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{}); got.Relation != reconcile.Forked {
			t.Errorf("got %v, want forks, as nothing proves a prefix", got)
		}
	})
	t.Run("not if Redis lacks its payment", func(t *testing.T) {
		redis := h.dropping(h.chain.Seq, drop)
		delete(redis.Records.Payments, "pay")
		p := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{})
		if got := p.Records.Orders; p.Relation != reconcile.Forked || got["a1"].State != sale.StateHeld || got["b1"].State != sale.StatePaid {
			t.Errorf("got %v with %v, want forks, and both orders live", p, got)
		}
	})
	t.Run("not if its payment is applied", func(t *testing.T) {
		redis := h.dropping(h.chain.Seq, drop)
		redis.Records.Payments["pay"] = ledger.Records.Payments["pay"]
		if p := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{}); p.Relation != reconcile.Forked || p.Records.Orders["b1"].State != sale.StatePaid {
			t.Errorf("got %v, want forks, and b1 paid", p)
		}
	})
}

// Somebody deleted the hash of orders. Redis drops an order only once the ledger
// has its ending, and this ledger never went back.
func TestOrdersMissingInRedisHaveNotEndedUnlessTheLedgerWentBack(t *testing.T) {
	h := ticket(3)
	redis := h.side()
	redis.Read = h.chain.Seq
	clear(redis.Records.Orders)
	wantPlan(t, merged(t, reconcile.Input{Redis: redis, Ledger: h.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 held"},
	})
}

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
			b.event(sale.Event{}) // goes further, but by its numbers alone it might continue Redis's
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
	redis := a.dropping(a.chain.Seq, func(sale.OrderID) bool { return true })
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
	delete(h.records.Orders, "a1")
	wantPlan(t, merged(t, reconcile.Input{Ledger: h.side()}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerAlone, payments: []string{"pay due orphan"},
		cases: []string{"payment-due a1 pay: due to go back: orphan"},
	})
}

func TestPaidOrderWithoutAPaymentStaysPaid(t *testing.T) {
	h := ticket(1)
	h.pay("pay", "a1", 1000)
	h.pay("two", "a1", 1000)
	h.settle("two")
	delete(h.records.Payments, "pay")
	wantPlan(t, merged(t, reconcile.Input{Ledger: h.side()}, reconcile.Decisions{}), want{
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

func TestNothingIsLeftToReconcile(t *testing.T) {
	if _, err := reconcile.Make(reconcile.Input{Holds: ticket(1).holds}, reconcile.Decisions{}); !errors.Is(err, reconcile.ErrNothing) {
		t.Errorf("got %v, want %v", err, reconcile.ErrNothing)
	}
	a, b := ticket(1).side(), ticket(1).side()
	b.Records.Sale.ID = "other"
	if _, err := reconcile.Make(reconcile.Input{Redis: a, Ledger: b}, reconcile.Decisions{}); err == nil {
		t.Error("got no error, want one about two sales")
	}
	for _, d := range []reconcile.Decisions{{TwoOrders: "x"}, {Oversold: "x"}, {Lives: "x"}} {
		if _, err := reconcile.Make(reconcile.Input{Redis: a}, d); err == nil {
			t.Errorf("%+v: got no error, want one", d)
		}
	}
}
