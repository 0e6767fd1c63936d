package reconcile_test

import (
	"slices"
	"strings"
	"testing"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// withGap lists the case that goes with the gaps.
func (w want) withGap() want {
	w.cases = append(w.cases, "events-lost: reported: what they did is lost")
	return w
}

func TestEventsThatNobodyHoldsAreReportedByNumber(t *testing.T) {
	h := ticket(5)
	ledger := h.side()
	for range 8 {
		h.unknown()
	}
	blind := h.side()
	blind.LinkAt = nil
	at := func(epoch, seq int64, link string) sale.Mark { return sale.Mark{Epoch: epoch, Seq: seq, Link: link} }
	hold := func(id sale.OrderID, seq int64) reconcile.Hold {
		return reconcile.Hold{Order: sale.Order{ID: id, Buyer: sale.Buyer(id), Quantity: 1}, Life: "life", Mark: at(1, seq, h.link(seq)), Node: "n"}
	}
	again := func(h reconcile.Hold) reconcile.Hold { h.Again = true; return h }
	fork := func(h reconcile.Hold) reconcile.Hold { h.Mark.Link = "x"; return h }
	for name, c := range map[string]struct {
		in    reconcile.Input
		want  []reconcile.Range
		epoch int64
	}{
		"none if a record has them all": {reconcile.Input{Ledger: h.side(), Seen: []sale.Mark{h.Chain().Mark}}, nil, 2},
		"those after both records": {
			reconcile.Input{Ledger: ledger, Seen: []sale.Mark{at(1, 7, "x"), h.Chain().Mark, at(1, 4, "x")}}, []reconcile.Range{{1, 3, 10}}, 2,
		},
		"less those that are given back": {
			reconcile.Input{Ledger: ledger, Holds: []reconcile.Hold{hold("c", 8), hold("b", 5), hold("d", 9)}, Seen: []sale.Mark{h.Chain().Mark}},
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
			reconcile.Input{Ledger: &reconcile.Side{Records: h.Records(), Chain: sale.Chain{Life: "life", Mark: at(2, 10, "y")}}, Seen: []sale.Mark{h.Chain().Mark}}, nil, 3,
		},
		"but of such an epoch if they came after the reconciliation": {
			reconcile.Input{Ledger: &reconcile.Side{Records: h.Records(), Chain: sale.Chain{Life: "life", Mark: at(2, 8, "y")}}, Seen: []sale.Mark{h.Chain().Mark}},
			[]reconcile.Range{{1, 9, 10}}, 3,
		},
		"not if a Redis that went back behind the reconciliation has them": {
			reconcile.Input{Redis: h.side(), Ledger: &reconcile.Side{Records: h.Records(), Chain: sale.Chain{Life: "life", Mark: at(2, 8, "y")}}, Seen: []sale.Mark{h.Chain().Mark}},
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
			reconcile.Input{Redis: h.side(), Ledger: ledger, Seen: []sale.Mark{at(1, 4, "x"), at(1, 7, h.link(7))}}, []reconcile.Range{{1, 3, 4}}, 2,
		},
		"of a fork without a ledger": {reconcile.Input{Redis: h.side(), Seen: []sale.Mark{at(1, 4, "x")}}, []reconcile.Range{{1, 2, 4}}, 2},
		"of a fork that ends where the ledger does": {
			reconcile.Input{Ledger: ledger, Seen: []sale.Mark{at(1, 2, "x")}}, []reconcile.Range{{1, 2, 2}}, 2,
		},
		"of a fork before the ledger's end": {
			reconcile.Input{Redis: h.side(), Ledger: h.side(), Seen: []sale.Mark{at(1, 4, "x")}}, []reconcile.Range{{1, 2, 4}}, 2,
		},
		"not of what the ledger's fork may have": {
			reconcile.Input{Redis: h.side(), Ledger: &reconcile.Side{Records: h.Records(), Chain: sale.Chain{Life: "life", Mark: at(1, 6, "y")}}, Seen: []sale.Mark{at(1, 4, "x")}}, nil, 2,
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

func TestPlanAsText(t *testing.T) {
	base := ticket(1)
	a, b := base.copy("r"), base.copy("l")
	a.pay("pay", "a1", 1000)
	b.end("a1", sale.StateExpired)
	b.hold("b1", "bob", 1)
	lost := b.copy("l")
	lost.end("b1", sale.StateExpired)
	lost.hold("c1", "cid", 1)
	p := merged(t, reconcile.Input{Redis: a.side(), Ledger: b.side(), Holds: lost.holds, Seen: []sale.Mark{lost.Chain().Mark}}, reconcile.Decisions{})
	const text = `sale s: records forked; next epoch 2; of 1 tickets 2 held, 0 paid, -1 remain; 3 orders, 1 payments
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
events-lost: nodes have seen events that nobody holds, up to 1: 5-5 of epoch 1: reported: what they did is lost
`
	if got := p.String(); got != text {
		t.Errorf("got\n%s\nwant\n%s", got, text)
	}
}
