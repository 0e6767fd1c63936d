package reconcile_test

import (
	"slices"
	"testing"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

func TestLaterHoldOfABuyerProvesThatTheEarlierOrderEnded(t *testing.T) {
	h := ticket(1)
	ledger := h.side()
	h.end("a1", sale.StateCancelled)
	h.hold("a2", "ann", 1)
	h.end("a2", sale.StateCancelled)
	h.hold("a3", "ann", 1)
	wantPlan(t, merged(t, reconcile.Input{Ledger: ledger, Holds: h.holds}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerAlone, orders: []string{"a1 expired", "a2 expired", "a3 held"},
		cases: []string{
			"ended-unknown a1: it has ended, and counts as expired", "ended-unknown a2: it has ended, and counts as expired",
			"hold-recovered a3: held, with a new deadline",
		},
		gaps: []reconcile.Range{{Epoch: 1, First: 3, Last: 3}, {Epoch: 1, First: 5, Last: 5}},
	}.withGap())
}

func TestPaidOrderBeforeALaterHoldWasRefunded(t *testing.T) {
	h := ticket(1)
	h.pay("pay", "a1", 1000)
	ledger := h.side()
	h.end("a1", sale.StateRefunded)
	h.hold("a2", "ann", 1)
	wantPlan(t, merged(t, reconcile.Input{Ledger: ledger, Holds: h.holds}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerAlone, orders: []string{"a1 refunded", "a2 held"}, payments: []string{"pay due refunded"},
		cases: []string{
			"ended-unknown a1 pay: it has ended, and counts as refunded", "payment-due a1 pay: due to go back: refunded",
			"hold-recovered a2: held, with a new deadline",
		},
		gaps: []reconcile.Range{{Epoch: 1, First: 4, Last: 4}},
	}.withGap())
}

// The last of the buyer's holds is the one in the record, answered again later.
func TestOrderThatWasHeldAgainAfterAnotherHoldIsLive(t *testing.T) {
	h := ticket(1)
	ledger := h.side()
	stray := reconcile.Hold{Order: sale.Order{ID: "a0", Buyer: "ann", Quantity: 1}, Mark: h.Chain().Next("x"), Life: "life", Node: "n"}
	again := h.holds[0]
	again.Mark = stray.Mark.Next("y")
	p := merged(t, reconcile.Input{Ledger: ledger, Holds: []reconcile.Hold{again, stray}}, reconcile.Decisions{})
	if got := p.Records.Orders; got["a1"].State != sale.StateHeld || got["a0"].State != sale.StateExpired {
		t.Errorf("got %v, want a1 held and a0 ended", got)
	}
}

func TestHoldOfAnotherForkProvesNothing(t *testing.T) {
	base := opened(3)
	a, b := base.copy("r"), base.copy("l")
	a.hold("a1", "ann", 1)
	b.hold("b1", "bob", 1)
	b.hold("a2", "ann", 1)
	two := "two-orders a1 a2: keep-first|keep-later|keep a1|keep a2"
	t.Run("of an order in the other fork's record", func(t *testing.T) {
		lost := a.copy("r")
		lost.end("a1", sale.StateCancelled)
		lost.hold("a3", "ann", 1)
		p := merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side(), Holds: lost.holds[1:]}, reconcile.Decisions{})
		wantPlan(t, p, want{
			relation: reconcile.Forked, orders: []string{"a1 held", "a2 held", "a3 held", "b1 held"},
			cases: []string{
				"two-orders a1 a2 a3: keep-first|keep-later|keep a1|keep a2|keep a3", "oversold: raise-total|refund-later",
				"hold-recovered a3: held, with a new deadline",
			},
		})
	})
	t.Run("of a hold that Redis's links show in the other fork", func(t *testing.T) {
		a.unknown()
		redis := a.dropping(0, nil)
		delete(redis.Records.Orders, "a1")
		p := merged(t, reconcile.Input{Redis: redis, Holds: slices.Concat(a.holds, b.holds)}, reconcile.Decisions{})
		wantPlan(t, p, want{
			relation: reconcile.RedisAlone, orders: []string{"a1 held", "a2 held", "b1 held"},
			cases: []string{
				two, "hold-recovered a1: held, with a new deadline", "hold-recovered a2: held, with a new deadline", "hold-recovered b1: held, with a new deadline",
			},
		})
	})
}

func TestHoldThatRedisDroppedIsNotHeldAgain(t *testing.T) {
	h := ticket(1)
	ledger := opened(1).side()
	h.end("a1", sale.StateCancelled)
	h.hold("b1", "bob", 1)
	redis := h.dropping(3, func(sale.OrderID) bool { return true })
	wantPlan(t, merged(t, reconcile.Input{Redis: redis, Ledger: ledger, Holds: h.holds}, reconcile.Decisions{}), want{
		relation: reconcile.LedgerBehind, orders: []string{"a1 expired", "b1 held"},
		cases: []string{"ended-unknown a1: it has ended, and counts as expired"},
	})
}
