package reconcile_test

import (
	"slices"
	"strings"
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

// withGap lists the case that goes with the gaps.
func (w want) withGap() want {
	w.cases = append(w.cases, "events-lost: reported: what they did is lost")
	return w
}

// The last of the buyer's holds is the one in the record, answered again later.
func TestOrderThatWasHeldAgainAfterAnotherHoldIsLive(t *testing.T) {
	h := ticket(1)
	ledger := h.side()
	stray := reconcile.Hold{Order: sale.Order{ID: "a0", Buyer: "ann", Quantity: 1}, Mark: h.chain.Next("x"), Life: "life", Node: "n"}
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
		lost.event(sale.Event{})
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
		a.event(sale.Event{})
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

func TestBuyerWithTwoLiveOrdersIsForTheOperator(t *testing.T) {
	base := opened(4)
	a, b := base.copy("r"), base.copy("l")
	a.hold("a1", "ann", 1)
	a.pay("pay", "a1", 1000)
	b.now++
	b.hold("a2", "ann", 2)
	in := reconcile.Input{Redis: a.side(), Ledger: b.side()}
	draft := merged(t, in, reconcile.Decisions{})
	wantPlan(t, draft, want{
		relation: reconcile.Forked, orders: []string{"a1 paid", "a2 held"}, payments: []string{"pay applied"},
		cases: []string{"two-orders a1 a2 pay: keep-first|keep-later|keep a1|keep a2"},
	})
	if len(draft.Undecided()) != 1 || !strings.Contains(draft.String(), "1 two-orders, 1 to be decided") {
		t.Errorf("got %v, want one case undecided", draft)
	}
	first := want{
		relation: reconcile.Forked, orders: []string{"a1 paid", "a2 cancelled"}, payments: []string{"pay applied"},
		cases: []string{"two-orders a1 a2 pay: a1 stays, a2 is cancelled"},
	}
	second := want{
		relation: reconcile.Forked, orders: []string{"a1 refunded", "a2 held"}, payments: []string{"pay due refunded"},
		cases: []string{"two-orders a1 a2 pay: a2 stays, a1 is refunded"},
	}
	wantPlan(t, merged(t, in, reconcile.Decisions{TwoOrders: reconcile.KeepFirst}), first)
	wantPlan(t, merged(t, in, reconcile.Decisions{TwoOrders: reconcile.KeepLater}), second)
	keep := map[sale.Buyer]sale.OrderID{"ann": "a2"}
	wantPlan(t, merged(t, in, reconcile.Decisions{TwoOrders: reconcile.KeepFirst, Keep: keep}), second)
	keep["ann"] = "a3" // not one of them
	if p := merged(t, in, reconcile.Decisions{Keep: keep}); len(p.Undecided()) != 1 {
		t.Errorf("got %v, want the case undecided", p)
	}
}

func TestMoreLiveThanTotalIsForTheOperator(t *testing.T) {
	base := opened(2)
	base.hold("a1", "ann", 1)
	a, b := base.copy("r"), base.copy("l")
	a.hold("b1", "bob", 1)
	a.pay("pay", "b1", 1000)
	b.now += 5
	b.hold("c1", "cid", 1)
	in := reconcile.Input{Redis: a.side(), Ledger: b.side()}
	w := want{
		relation: reconcile.Forked, orders: []string{"a1 held", "b1 paid", "c1 held"}, payments: []string{"pay applied"},
		cases: []string{"oversold: raise-total|refund-later"},
	}
	wantPlan(t, merged(t, in, reconcile.Decisions{}), w)
	w.cases = []string{"oversold: the total is raised by 1, as restock reconcile-2"}
	p := merged(t, in, reconcile.Decisions{Oversold: reconcile.RaiseTotal})
	wantPlan(t, p, w)
	if c := p.Records.Counters(); c.Total != 3 || c.Remaining != 0 || p.Records.Sale.Total != 3 || p.Records.Restocks["reconcile-2"] != 1 {
		t.Errorf("got %+v and restocks %v, want a total of 3", c, p.Records.Restocks)
	}
	w.orders = []string{"a1 held", "b1 paid", "c1 cancelled"}
	w.cases = []string{"oversold c1: the 1 orders created last are ended, and their money is due to go back"}
	wantPlan(t, merged(t, in, reconcile.Decisions{Oversold: reconcile.RefundLater}), w)
	t.Run("under a key of its own", func(t *testing.T) {
		in.Ledger.Records.Restocks["reconcile-2"] = -1
		p := merged(t, in, reconcile.Decisions{Oversold: reconcile.RaiseTotal})
		if got := p.Records.Restocks; got["reconcile-2"] != -1 || got["reconcile-2-2"] != 2 {
			t.Errorf("got restocks %v, want another key", got)
		}
	})
	t.Run("a total above the largest can't be raised to", func(t *testing.T) {
		h := opened(1)
		for _, id := range []sale.OrderID{"a1", "b1"} {
			h.hold(id, sale.Buyer(id), sale.MaxTotal/2+1)
		}
		p := merged(t, reconcile.Input{Ledger: h.side()}, reconcile.Decisions{Oversold: reconcile.RaiseTotal})
		wantPlan(t, p, want{relation: reconcile.LedgerAlone, orders: []string{"a1 held", "b1 held"}, cases: []string{"oversold: refund-later"}})
	})
	t.Run("a total below nothing can only be raised", func(t *testing.T) {
		in.Ledger.Records.Restocks["stolen"] = -9
		if p := merged(t, in, reconcile.Decisions{Oversold: reconcile.RefundLater}); len(p.Undecided()) != 1 {
			t.Errorf("got %v, want it undecided", p)
		}
		if p := merged(t, in, reconcile.Decisions{Oversold: reconcile.RaiseTotal}); len(p.Undecided()) != 0 || !p.Records.Counters().Conserved() {
			t.Errorf("got %v, want it balanced", p)
		}
	})
}

func TestRestockWithTwoDeltasIsForTheOperator(t *testing.T) {
	base := opened(2)
	a, b := base.copy("r"), base.copy("l")
	a.event(sale.Event{Restock: &sale.Restock{Key: "k", Delta: 3}})
	a.event(sale.Event{Restock: &sale.Restock{Key: "one", Delta: 1}})
	b.event(sale.Event{Restock: &sale.Restock{Key: "k", Delta: 2}})
	in := reconcile.Input{Redis: a.side(), Ledger: b.side()}
	for _, c := range []struct {
		decided map[string]int64
		total   int64
		want    string
	}{
		{nil, 5, "restock-differs: k=2|k=3"},
		{map[string]int64{"k": 3}, 6, "restock-differs: it is 3"},
		{map[string]int64{"k": 4}, 5, "restock-differs: k=2|k=3"},
	} {
		p := merged(t, in, reconcile.Decisions{Restocks: c.decided})
		wantPlan(t, p, want{relation: reconcile.Forked, cases: []string{c.want}})
		if got := p.Records.Sale.Total; got != c.total {
			t.Errorf("%v: got a total of %d, want %d", c.decided, got, c.total)
		}
	}
}

func TestSaleThatIsClosedInOneForkIsClosed(t *testing.T) {
	base := opened(2)
	a, b := base.copy("r"), base.copy("l")
	closed := true
	a.event(sale.Event{Closed: &closed})
	b.event(sale.Event{})
	p := merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{})
	wantPlan(t, p, want{relation: reconcile.Forked, cases: []string{"closed-differs: closed; reopen it when it shall sell"}})
	if !p.Records.Sale.Closed {
		t.Error("got it open, want it closed")
	}
	t.Run("but Redis's word counts if the ledger's is a prefix", func(t *testing.T) {
		ledger := a.side()
		reopened := false
		a.event(sale.Event{Closed: &reopened})
		p := merged(t, reconcile.Input{Redis: a.side(), Ledger: ledger}, reconcile.Decisions{})
		if p.Records.Sale.Closed || len(p.Cases) > 0 {
			t.Errorf("got %v, want it open and no case", p)
		}
	})
}

func TestDefinitionIsThatOfTheRecordThatGoesFurther(t *testing.T) {
	h := ticket(2)
	redis := h.side()
	h.event(sale.Event{})
	ledger := h.side()
	ledger.Records.Sale.Price, redis.Records.Sale.Price = 7, 8
	p := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{})
	wantPlan(t, p, want{
		relation: reconcile.RedisBehind, orders: []string{"a1 held"},
		cases: []string{"definition-differs: as in the record that goes further, which is the first"},
	})
	if got := p.Records.Sale.Price; got != 7 {
		t.Errorf("got price %d, want the ledger's 7", got)
	}
}

func TestOneIDForTwoOrdersIsThatOfTheRecordThatGoesFurther(t *testing.T) {
	h := ticket(2)
	ledger := h.side()
	ledger.Records.Orders["a1"] = sale.Order{ID: "a1", Buyer: "bob", Quantity: 2, State: sale.StateHeld}
	h.event(sale.Event{})
	p := merged(t, reconcile.Input{Redis: h.side(), Ledger: ledger}, reconcile.Decisions{})
	wantPlan(t, p, want{
		relation: reconcile.Forked, orders: []string{"a1 held"},
		cases: []string{"order-differs a1: as in the record that goes further, which is the first"},
	})
	if got := p.Records.Orders["a1"]; got.Buyer != "ann" || got.Quantity != 1 {
		t.Errorf("got %+v, want Redis's", got)
	}
}

// A deploy script opened the sale again after Redis had come back empty.
func TestSaleOpenedASecondTime(t *testing.T) {
	h := ticket(2)
	second := opened(9).side()
	second.Chain.Life, second.Selling = "second", false
	in := reconcile.Input{Redis: second, Ledger: h.side()}
	p := merged(t, in, reconcile.Decisions{})
	wantPlan(t, p, want{
		relation: reconcile.LedgerAlone, orders: []string{"a1 held"}, cases: []string{"opened-twice: dropped; the ledger's life is right"},
	})
	if p.Life != "life" || p.Records.Sale.Total != 2 {
		t.Errorf("got life %s and a total of %d, want the ledger's", p.Life, p.Records.Sale.Total)
	}
	lives := "two-lives: merge"
	for name, c := range map[string]struct {
		change func()
		orders []string
		cases  []string
	}{
		"is the operator's to decide if it sold": {
			func() { second.Selling = true },
			[]string{"a1 held"}, []string{lives},
		},
		"or if it has orders": {
			func() {
				second.Records.Orders["b1"] = sale.Order{ID: "b1", Buyer: "bob", Quantity: 1, State: sale.StateHeld}
			},
			[]string{"a1 held", "b1 held"}, []string{lives},
		},
		"or if it was restocked": {
			func() { second.Records.Restocks["k"] = 1 },
			[]string{"a1 held"}, []string{lives},
		},
		"or if a node has holds of it": {
			func() {
				in.Holds = []reconcile.Hold{{Order: sale.Order{ID: "b1", Buyer: "bob", Quantity: 1}, Life: "second", Mark: sale.Mark{Epoch: 1, Seq: 2}, Node: "n"}}
			},
			[]string{"a1 held", "b1 held"}, []string{lives, "two-lives b1: merge", "hold-recovered b1: held, with a new deadline"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			second.Selling, in.Holds = false, nil
			clear(second.Records.Orders)
			clear(second.Records.Restocks)
			c.change()
			definition := "definition-differs: as in the record that goes further, which is the first"
			w := want{relation: reconcile.TwoLives, orders: c.orders, cases: slices.Insert(c.cases, len(c.cases)-max(0, len(in.Holds)), definition)}
			wantPlan(t, merged(t, in, reconcile.Decisions{}), w)
			for i := range w.cases {
				w.cases[i] = strings.Replace(w.cases[i], ": merge", ": merged into one, life", 1)
			}
			wantPlan(t, merged(t, in, reconcile.Decisions{Lives: reconcile.MergeLives}), w)
		})
	}
}

func TestEventsThatNobodyHoldsAreReportedByNumber(t *testing.T) {
	h := ticket(5)
	ledger := h.side()
	for range 8 {
		h.event(sale.Event{})
	}
	blind := h.side()
	blind.LinkAt = nil
	at := func(epoch, seq int64, link string) sale.Mark { return sale.Mark{Epoch: epoch, Seq: seq, Link: link} }
	hold := func(id sale.OrderID, seq int64) reconcile.Hold {
		return reconcile.Hold{Order: sale.Order{ID: id, Buyer: sale.Buyer(id), Quantity: 1}, Life: "life", Mark: at(1, seq, h.links[seq-1]), Node: "n"}
	}
	again := func(h reconcile.Hold) reconcile.Hold { h.Again = true; return h }
	fork := func(h reconcile.Hold) reconcile.Hold { h.Mark.Link = "x"; return h }
	for name, c := range map[string]struct {
		in    reconcile.Input
		want  []reconcile.Range
		epoch int64
	}{
		"none if a record has them all": {reconcile.Input{Ledger: h.side(), Seen: []sale.Mark{h.chain.Mark}}, nil, 2},
		"those after both records": {
			reconcile.Input{Ledger: ledger, Seen: []sale.Mark{at(1, 7, "x"), h.chain.Mark, at(1, 4, "x")}}, []reconcile.Range{{1, 3, 10}}, 2,
		},
		"less those that are given back": {
			reconcile.Input{Ledger: ledger, Holds: []reconcile.Hold{hold("c", 8), hold("b", 5), hold("d", 9)}, Seen: []sale.Mark{h.chain.Mark}},
			[]reconcile.Range{{1, 3, 4}, {1, 6, 7}, {1, 10, 10}}, 2,
		},
		"of a later epoch too": {
			reconcile.Input{Ledger: ledger, Seen: []sale.Mark{at(1, 4, "x"), at(2, 6, "y")}}, []reconcile.Range{{1, 3, 4}, {2, 3, 6}}, 3,
		},
		"of a later epoch that is shorter": {
			reconcile.Input{Ledger: ledger, Seen: []sale.Mark{at(1, 10, "x"), at(2, 5, "y")}}, []reconcile.Range{{1, 3, 10}, {2, 3, 5}}, 3,
		},
		"less those of the same epoch alone": {
			reconcile.Input{Ledger: ledger, Seen: []sale.Mark{at(2, 5, "y")}, Holds: []reconcile.Hold{hold("c", 4)}}, []reconcile.Range{{1, 3, 3}, {2, 3, 5}}, 3,
		},
		"not of another life": {
			reconcile.Input{Ledger: ledger, Holds: []reconcile.Hold{{Order: sale.Order{ID: "c", Buyer: "cid", Quantity: 1}, Life: "other", Mark: at(1, 9, "x")}}}, nil, 2,
		},
		"not without links that prove a fork": {
			reconcile.Input{Redis: blind, Seen: []sale.Mark{at(1, 4, "x")}}, nil, 2,
		},
		"of a fork that Redis's links show, for the ledger too": {
			reconcile.Input{Redis: h.side(), Ledger: blind, Seen: []sale.Mark{at(1, 4, "x")}}, []reconcile.Range{{1, 2, 4}}, 2,
		},
		"not of an epoch that was reconciled": {
			reconcile.Input{Ledger: &reconcile.Side{Records: h.records, Chain: sale.Chain{Life: "life", Mark: at(2, 10, "y")}}, Seen: []sale.Mark{h.chain.Mark}}, nil, 3,
		},
		"but of such an epoch if they came after the reconciliation": {
			reconcile.Input{Ledger: &reconcile.Side{Records: h.records, Chain: sale.Chain{Life: "life", Mark: at(2, 8, "y")}}, Seen: []sale.Mark{h.chain.Mark}},
			[]reconcile.Range{{1, 9, 10}}, 3,
		},
		"not if a Redis that went back behind the reconciliation has them": {
			reconcile.Input{Redis: h.side(), Ledger: &reconcile.Side{Records: h.records, Chain: sale.Chain{Life: "life", Mark: at(2, 8, "y")}}, Seen: []sale.Mark{h.chain.Mark}},
			nil, 3,
		},
		"also at the mark of a claim that was sent again": {
			reconcile.Input{Ledger: ledger, Holds: []reconcile.Hold{hold("b", 3), again(hold("b", 4))}}, []reconcile.Range{{1, 4, 4}}, 2,
		},
		"also at the number of a hold that a record has, and not their fork": {
			reconcile.Input{Redis: h.side(), Holds: []reconcile.Hold{hold("b", 4)}, Seen: []sale.Mark{at(1, 4, "x")}}, []reconcile.Range{{1, 2, 4}}, 2,
		},
		"unless each of two forks gives back its own": {
			reconcile.Input{Ledger: ledger, Holds: []reconcile.Hold{hold("b", 3), fork(hold("c", 3)), fork(hold("d", 4))}}, nil, 2,
		},
		"and of two forks that of which nobody gives it back": {
			reconcile.Input{Ledger: ledger, Holds: []reconcile.Hold{hold("b", 3)}, Seen: []sale.Mark{at(1, 3, "x")}}, []reconcile.Range{{1, 3, 3}}, 2,
		},
		"of a fork at an event that the record has": {
			reconcile.Input{Redis: h.side(), Ledger: ledger, Seen: []sale.Mark{at(1, 4, "x"), at(1, 7, h.links[6])}}, []reconcile.Range{{1, 3, 4}}, 2,
		},
		"of a fork without a ledger": {reconcile.Input{Redis: h.side(), Seen: []sale.Mark{at(1, 4, "x")}}, []reconcile.Range{{1, 2, 4}}, 2},
		"of a fork that ends where the ledger does": {
			reconcile.Input{Ledger: ledger, Seen: []sale.Mark{at(1, 2, "x")}}, []reconcile.Range{{1, 2, 2}}, 2,
		},
		"of a fork before the ledger's end": {
			reconcile.Input{Redis: h.side(), Ledger: h.side(), Seen: []sale.Mark{at(1, 4, "x")}}, []reconcile.Range{{1, 2, 4}}, 2,
		},
		"not of what the ledger's fork may have": {
			reconcile.Input{Redis: h.side(), Ledger: &reconcile.Side{Records: h.records, Chain: sale.Chain{Life: "life", Mark: at(1, 6, "y")}}, Seen: []sale.Mark{at(1, 4, "x")}}, nil, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := merged(t, c.in, reconcile.Decisions{})
			if !slices.Equal(p.Gaps, c.want) || p.Epoch != c.epoch {
				t.Errorf("got %v and epoch %d, want %v and %d", p.Gaps, p.Epoch, c.want, c.epoch)
			}
			listed := slices.ContainsFunc(p.Cases, func(c reconcile.Case) bool { return c.Kind == reconcile.KindGap })
			if listed != (c.want != nil) {
				t.Errorf("got listed %v in %v", listed, p)
			}
		})
	}
}

func TestManyRangesAreListedShort(t *testing.T) {
	h := opened(1)
	in := reconcile.Input{Ledger: h.side(), Seen: []sale.Mark{{Epoch: 1, Seq: 63, Link: "x"}}}
	for seq := int64(3); seq < 63; seq += 2 {
		in.Holds = append(in.Holds, reconcile.Hold{Order: sale.Order{ID: "a", Buyer: "ann", Quantity: 1}, Life: "life", Mark: sale.Mark{Epoch: 1, Seq: seq}})
	}
	p := merged(t, in, reconcile.Decisions{Oversold: reconcile.RaiseTotal})
	if got := p.String(); !strings.Contains(got, "up to 32: 2-2 of epoch 1, 4-4 of epoch 1,") || !strings.Contains(got, ", and 11 ranges more: reported") {
		t.Errorf("got %s", got)
	}
}

func TestPlanInWords(t *testing.T) {
	base := ticket(1)
	a, b := base.copy("r"), base.copy("l")
	a.pay("pay", "a1", 1000)
	b.end("a1", sale.StateExpired)
	b.hold("b1", "bob", 1)
	lost := b.copy("l")
	lost.hold("c1", "cid", 1)
	lost.event(sale.Event{})
	p := merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side(), Holds: lost.holds, Seen: []sale.Mark{lost.chain.Mark}}, reconcile.Decisions{})
	const words = `sale s: records forked; next epoch 2; of 1 tickets 2 held, 0 paid, -1 remain; 3 orders, 1 payments
Redis lacks 3 orders and 1 payments; the ledger lacks 1 and 1
1 oversold, 1 to be decided
1 ended-against-paid
1 payment-due
1 hold-recovered
1 events-lost
oversold: 2 tickets are in live orders, of 1: to be decided: raise-total, refund-later
ended-against-paid: order a1 of "ann" is paid in one record and expired in the other: it is expired: its tickets are sold, so its money is due to go back
payment-due: payment pay of 1000 EUR was applied to order a1: due to go back: late
hold-recovered: order c1 of "cid", quantity 1, is held by node nl alone: held, with a new deadline
events-lost: nodes have seen events that nobody holds, up to 1: 6-6 of epoch 1: reported: what they did is lost
`
	if got := p.String(); got != words {
		t.Errorf("got\n%s\nwant\n%s", got, words)
	}
}
