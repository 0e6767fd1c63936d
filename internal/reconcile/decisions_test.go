package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

func TestBuyerWithTwoLiveOrdersIsForTheOperator(t *testing.T) {
	base := opened(4)
	a, b := base.copy("r"), base.copy("l")
	a.hold("a1", "ann", 1)
	a.pay("pay", "a1", 1000)
	b.Now++
	b.hold("a2", "ann", 2)
	in := reconcile.Input{Redis: a.side(), Ledger: b.side()}
	draft := merged(t, in, reconcile.Decisions{})
	wantPlan(t, draft, want{
		relation: reconcile.Forked, orders: []string{"a1 paid", "a2 held"}, payments: []string{"pay applied"},
		cases: []string{"two-orders a1 a2 pay: keep-first|keep-later|keep a1|keep a2"},
	})
	if len(draft.DecisionsNeeded()) != 1 || !strings.Contains(draft.String(), "1 two-orders, 1 to be decided") {
		t.Errorf("got %v, want one case to be decided", draft)
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
	if p := merged(t, in, reconcile.Decisions{Keep: keep}); len(p.DecisionsNeeded()) != 1 {
		t.Errorf("got %v, want the case to be decided", p)
	}
}

func TestMoreLiveThanTotalIsForTheOperator(t *testing.T) {
	base := opened(2)
	base.hold("a1", "ann", 1)
	a, b := base.copy("r"), base.copy("l")
	a.hold("b1", "bob", 1)
	a.pay("pay", "b1", 1000)
	b.Now += 5
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
		ledger := opened(1).side()
		for _, id := range []sale.OrderID{"a1", "b1"} {
			ledger.Records.Orders[id] = sale.Order{ID: id, Buyer: sale.Buyer(id), Quantity: sale.MaxTotal/2 + 1, State: sale.StateHeld}
		}
		p := merged(t, reconcile.Input{Ledger: ledger}, reconcile.Decisions{Oversold: reconcile.RaiseTotal})
		wantPlan(t, p, want{relation: reconcile.LedgerAlone, orders: []string{"a1 held", "b1 held"}, cases: []string{"oversold: refund-later"}})
	})
	t.Run("a total below nothing can only be raised", func(t *testing.T) {
		in.Ledger.Records.Restocks["stolen"] = -9
		if p := merged(t, in, reconcile.Decisions{Oversold: reconcile.RefundLater}); len(p.DecisionsNeeded()) != 1 {
			t.Errorf("got %v, want it to be decided", p)
		}
		if p := merged(t, in, reconcile.Decisions{Oversold: reconcile.RaiseTotal}); len(p.DecisionsNeeded()) != 0 || !p.Records.Counters().Conserved() {
			t.Errorf("got %v, want it balanced", p)
		}
	})
}

func TestRestockWithTwoDeltasIsForTheOperator(t *testing.T) {
	base := opened(2)
	a, b := base.copy("r"), base.copy("l")
	a.restock("k", 3)
	a.restock("one", 1)
	b.restock("k", 2)
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
	a.close(true)
	b.unknown()
	p := merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{})
	wantPlan(t, p, want{relation: reconcile.Forked, cases: []string{"closed-differs: closed; reopen it when it shall sell"}})
	if !p.Records.Sale.Closed {
		t.Error("got it open, want it closed")
	}
	t.Run("but Redis's state counts if the ledger's is a prefix", func(t *testing.T) {
		ledger := a.side()
		a.close(false)
		p := merged(t, reconcile.Input{Redis: a.side(), Ledger: ledger}, reconcile.Decisions{})
		if p.Records.Sale.Closed || len(p.Cases) > 0 {
			t.Errorf("got %v, want it open and no case", p)
		}
	})
}

func TestDefinitionIsThatOfTheRecordThatGoesFurther(t *testing.T) {
	h := ticket(2)
	redis := h.side()
	h.unknown()
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
	h.unknown()
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
