package reconcile_test

import (
	"slices"
	"testing"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

func TestPrefixThatNothingProvesIsAFork(t *testing.T) {
	h := ticket(2)
	ledger := h.side()
	h.unknown()
	redis := h.side()
	redis.LinkAt = nil
	for read, want := range map[int64]reconcile.Relation{1: reconcile.Forked, 2: reconcile.LedgerBehind} {
		redis.Read = read
		if p := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{}); p.Relation != want {
			t.Errorf("the ledger has reported %d events of 2 to Redis: got %s, want %s", read, p.Relation, want)
		}
	}
}

// A payment or a restock that only the ledger has shows that Redis's records are
// damaged, whatever its links. Then no missing order counts as ended.
func TestDamagedRedisProvesNoEnding(t *testing.T) {
	for name, damage := range map[string]func(*reconcile.Side){
		"none":                 func(*reconcile.Side) {},
		"a payment is missing": func(redis *reconcile.Side) { delete(redis.Records.Payments, "stray") },
		"a restock is missing": func(redis *reconcile.Side) { clear(redis.Records.Restocks) },
		"an order came back to life": func(redis *reconcile.Side) {
			redis.Records.Orders["b1"] = sale.Order{ID: "b1", Buyer: "bob", Quantity: 1, State: sale.StateHeld}
		},
		"a payment is not yet settled": func(redis *reconcile.Side) {
			p := redis.Records.Payments["stray"]
			p.State = sale.PaymentDue
			redis.Records.Payments["stray"] = p
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := ticket(2)
			h.pay("stray", "nobody", 1)
			h.settle("stray")
			h.restock("k", 1)
			h.hold("b1", "bob", 1)
			h.end("b1", sale.StateExpired)
			ledger := h.side()
			h.end("a1", sale.StateExpired)
			redis := h.dropping(h.seq(), func(id sale.OrderID) bool { return id == "a1" })
			damage(redis)
			want, state := reconcile.Forked, sale.StateHeld
			if name == "none" {
				want, state = reconcile.LedgerBehind, sale.StateExpired
			}
			p := merged(t, reconcile.Input{Redis: redis, Ledger: ledger}, reconcile.Decisions{})
			if got := p.Records.Orders["a1"].State; p.Relation != want || got != state {
				t.Errorf("got %s and a1 %s, want %s and %s", p.Relation, got, want, state)
			}
		})
	}
	t.Run("both have lost the orders", func(t *testing.T) {
		h := ticket(2)
		redis := h.side()
		h.unknown()
		tip := h.side()
		tip.Read = h.seq()
		for _, s := range []*reconcile.Side{redis, tip} {
			clear(s.Records.Orders)
		}
		p := merged(t, reconcile.Input{Redis: tip, Ledger: h.side(), Holds: h.holds}, reconcile.Decisions{})
		if got := p.Records.Orders["a1"].State; got != sale.StateHeld {
			t.Errorf("got a1 %s, want the node's hold", got)
		}
		ledger := h.side()
		clear(ledger.Records.Orders)
		p = merged(t, reconcile.Input{Redis: tip, Ledger: ledger, Holds: h.holds}, reconcile.Decisions{})
		if got := p.Records.Orders["a1"].State; got != sale.StateHeld {
			t.Errorf("got a1 %s, want the node's hold, as the ledger never had its ending", got)
		}
	})
}

func TestHoldOfAForkThatRedisIsNotOfIsHeldAgain(t *testing.T) {
	base := opened(1)
	a, b := base.copy("r"), base.copy("l")
	for range 3 {
		a.unknown()
	}
	b.hold("b1", "bob", 1)
	redis := a.side()
	redis.Read = a.seq()
	wantPlan(t, merged(t, reconcile.Input{Redis: redis, Holds: b.holds}, reconcile.Decisions{}), want{
		relation: reconcile.RedisAlone, orders: []string{"b1 held"}, cases: []string{"hold-recovered b1: held, with a new deadline"},
	})
}

func TestHoldsOfOtherLineagesProveNoEnding(t *testing.T) {
	h := ticket(3)
	hold := func(id sale.OrderID, life string, epoch, seq int64) reconcile.Hold {
		return reconcile.Hold{Order: sale.Order{ID: id, Buyer: "ann", Quantity: 1}, Life: life, Mark: sale.Mark{Epoch: epoch, Seq: seq, Link: "x"}, Node: "n"}
	}
	for name, c := range map[string]struct {
		holds []reconcile.Hold
		live  []sale.OrderID
		epoch int64
	}{
		"the record's":          {[]reconcile.Hold{hold("a2", "life", 1, 9)}, []sale.OrderID{"a2"}, 2},
		"no later than it":      {[]reconcile.Hold{hold("a2", "life", 1, 2)}, []sale.OrderID{"a1", "a2"}, 2},
		"a later epoch":         {[]reconcile.Hold{hold("a2", "life", 2, 9)}, []sale.OrderID{"a1", "a2"}, 3},
		"another life":          {[]reconcile.Hold{hold("a2", "other", 1, 9)}, []sale.OrderID{"a1", "a2"}, 2},
		"two epochs of holds":   {[]reconcile.Hold{hold("a2", "life", 2, 9), hold("a3", "life", 3, 10)}, []sale.OrderID{"a1", "a2", "a3"}, 4},
		"two lives of holds":    {[]reconcile.Hold{hold("a2", "other", 1, 9), hold("a3", "third", 1, 10)}, []sale.OrderID{"a1", "a2", "a3"}, 2},
		"the same order again":  {[]reconcile.Hold{hold("a2", "life", 1, 9), hold("a2", "life", 1, 11), hold("a3", "life", 1, 10)}, []sale.OrderID{"a2"}, 2},
		"one order, two nodes":  {[]reconcile.Hold{hold("a2", "life", 1, 9), hold("a2", "life", 1, 9)}, []sale.OrderID{"a2"}, 2},
		"two that came at once": {[]reconcile.Hold{hold("a2", "life", 1, 9), hold("a3", "life", 1, 9)}, []sale.OrderID{"a2", "a3"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := merged(t, reconcile.Input{Ledger: h.side(), Holds: c.holds}, reconcile.Decisions{})
			var live []sale.OrderID
			for id, o := range p.Records.Orders {
				if o.State.Live() {
					live = append(live, id)
				}
			}
			if slices.Sort(live); !slices.Equal(live, c.live) || p.Epoch != c.epoch {
				t.Errorf("got %v live and epoch %d, want %v and %d: %v", live, p.Epoch, c.live, c.epoch, p)
			}
		})
	}
	t.Run("but the higher epoch of two records has one lineage", func(t *testing.T) {
		ledger := h.side()
		ledger.Chain.Mark = sale.Mark{Epoch: 2, Seq: 5, Link: "y"}
		fork := opened(3)
		fork.hold("z1", "zoe", 1)
		p := merged(t, reconcile.Input{Redis: fork.side(), Ledger: ledger, Holds: []reconcile.Hold{hold("a2", "life", 2, 9)}}, reconcile.Decisions{})
		if got := p.Records.Orders["a1"].State; got != sale.StateExpired {
			t.Errorf("got a1 %s, want it ended", got)
		}
		only := opened(3).side()
		only.Records.Orders["a0"] = sale.Order{ID: "a0", Buyer: "ann", Quantity: 1, State: sale.StateHeld}
		delete(ledger.Records.Orders, "a1")
		p = merged(t, reconcile.Input{Redis: only, Ledger: ledger, Holds: []reconcile.Hold{hold("a2", "life", 2, 9)}}, reconcile.Decisions{})
		if got := p.Records.Orders["a0"].State; got != sale.StateHeld {
			t.Errorf("got a0 %s, want it held: the higher epoch never had it", got)
		}
	})
}

// The node sent the claim again after Redis had gone back, and it was granted anew.
func TestClaimGrantedInBothForksIsOneOrder(t *testing.T) {
	base := opened(1)
	a, b := base.copy("r"), base.copy("l")
	first := a.hold("a1", "ann", 1)
	b.Now += 500
	second := b.hold("a1", "ann", 1)
	for _, h := range []*history{a, b} {
		h.end("a1", sale.StateExpired)
	}
	b.unknown() // so that the later one goes further
	for _, in := range []reconcile.Input{{Redis: a.side(), Ledger: b.side()}, {Redis: b.side(), Ledger: a.side()}} {
		p := merged(t, in, reconcile.Decisions{})
		if got := p.Records.Orders["a1"]; len(p.Cases) > 0 || got.Created != first.Created || got.Expires != second.Expires {
			t.Errorf("got %+v and %v, want it created at %d, to expire at %d", got, p.Cases, first.Created, second.Expires)
		}
	}
}

// A webhook was repeated at a Redis that had lost the order and its payment.
func TestPaymentThatIsAnOrphanInOneForkStaysAppliedInTheOther(t *testing.T) {
	base := opened(1)
	a, b := base.copy("r"), base.copy("l")
	b.hold("a1", "ann", 1)
	b.pay("pay", "a1", 1000)
	a.Now += 9
	a.pay("pay", "a1", 1000)
	wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), want{
		relation: reconcile.RedisBehind, orders: []string{"a1 paid"}, payments: []string{"pay applied"},
	})
}

func TestDefinitionsOfEquallyLongRecords(t *testing.T) {
	h := ticket(1)
	a, b := h.side(), h.side()
	a.Records.Sale.Price, b.Records.Sale.Price = 7, 8
	if p := merged(t, reconcile.Input{Redis: a, Ledger: b}, reconcile.Decisions{}); p.Records.Sale.Price != 7 || p.Relation != reconcile.Same {
		t.Errorf("got price %d of records %s, want Redis's 7 of the same", p.Records.Sale.Price, p.Relation)
	}
	b.Chain.Link = "z"
	one := merged(t, reconcile.Input{Redis: a, Ledger: b}, reconcile.Decisions{})
	two := merged(t, reconcile.Input{Redis: b, Ledger: a}, reconcile.Decisions{})
	if one.Records.Sale != two.Records.Sale {
		t.Errorf("got %+v and, swapped, %+v", one.Records.Sale, two.Records.Sale)
	}
}

func TestOlderOfTwoContestedOrdersGetsTheLastTicket(t *testing.T) {
	base := opened(2)
	base.hold("b1", "bob", 1)
	base.hold("a1", "ann", 1)
	a, b := base.copy("r"), base.copy("l")
	a.pay("pay-a", "a1", 1000)
	a.pay("pay-b", "b1", 1000)
	b.end("a1", sale.StateExpired)
	b.end("b1", sale.StateExpired)
	b.hold("c1", "cid", 1)
	wantPlan(t, merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side()}, reconcile.Decisions{}), want{
		relation: reconcile.Forked, orders: []string{"a1 expired", "b1 paid", "c1 held"}, payments: []string{"pay-a due late", "pay-b applied"},
		cases: []string{
			"ended-against-paid a1 pay-a: it is expired: its tickets are sold, so its money is due to go back",
			"ended-against-paid b1 pay-b: it is paid: its tickets are free",
			"payment-due a1 pay-a: due to go back: late",
		},
	})
}

func TestOrphanInAnotherCurrencyPaysNothing(t *testing.T) {
	h := opened(1)
	h.payIn("USD", "pay", "a1", 1000)
	h.hold("a1", "ann", 1)
	wantPlan(t, merged(t, reconcile.Input{Redis: h.side()}, reconcile.Decisions{}), want{
		relation: reconcile.RedisAlone, orders: []string{"a1 held"}, payments: []string{"pay due amount"},
		cases: []string{"orphan-payment a1 pay: due to go back: amount"},
	})
}

// Both records went back to before a reconciliation, and went on beside what nodes have seen
// after it: the first of those events had a number that the records have as well, and was
// reported by none.
func TestALaterEpochBesideTheRecordsIsReportedFromTheirFork(t *testing.T) {
	h := opened(3)
	for range 16 {
		h.unknown()
	}
	seen := func(seqs ...int64) (marks []sale.Mark) {
		for _, seq := range seqs {
			marks = append(marks, sale.Mark{Epoch: 3, Seq: seq, Link: "elsewhere"})
		}
		return marks
	}
	for name, c := range map[string]struct {
		seen []sale.Mark
		want reconcile.Range
	}{
		"wholly beside them":       {seen(4, 5), reconcile.Range{Epoch: 3, First: 2, Last: 5}},
		"beside and beyond them":   {seen(4, 20), reconcile.Range{Epoch: 3, First: 2, Last: 20}},
		"beyond them, as it seems": {seen(19, 20), reconcile.Range{Epoch: 3, First: 18, Last: 20}},
	} {
		t.Run(name, func(t *testing.T) {
			p := merged(t, reconcile.Input{Redis: h.side(), Ledger: h.side(), Seen: c.seen}, reconcile.Decisions{})
			if !slices.Equal(p.Gaps, []reconcile.Range{c.want}) {
				t.Errorf("got gaps %v, want %v", p.Gaps, c.want)
			}
		})
	}
}
