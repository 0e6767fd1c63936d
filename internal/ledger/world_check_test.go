package ledger

import (
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// Why something acknowledged may be missing.
const (
	reported  = "acknowledged: reported by number"
	usedTwice = "acknowledged: of a number that was used twice"
)

// in reports whether records have what was acknowledged, or what may have become of it.
func (a *ack) in(r sale.Records) bool {
	switch {
	case a.order.ID != "":
		o, known := r.Orders[a.order.ID]
		return known && o.Buyer == a.order.Buyer && o.Quantity == a.order.Quantity &&
			(o.State == a.order.State || follows(a.order.State, o.State))
	case a.payment.ID != "":
		p, known := r.Payments[a.payment.ID]
		refunded := a.payment.State == sale.PaymentApplied && p.State != sale.PaymentApplied
		payable := a.payment.Reason == sale.ReasonOrphan || a.payment.Reason == sale.ReasonReturned && a.payment.Of == ""
		return known && p.Order == a.payment.Order && p.Amount == a.payment.Amount && p.Of == a.payment.Of &&
			(slices.Index(steps, p.State) >= slices.Index(steps, a.payment.State) || payable) &&
			(!refunded || p.Reason == sale.ReasonRefunded)
	}
	delta, known := r.Restocks[a.restock.Key]
	return known && delta == a.restock.Delta
}

// adapt takes what was reported to have become of it.
func (a *ack) adapt(r sale.Records) {
	o, isOrder := r.Orders[a.order.ID]
	p, isPayment := r.Payments[a.payment.ID]
	switch {
	case isOrder:
		a.order = o
	case isPayment:
		a.payment = p
	default:
		a.gone = true
	}
}

// named reports whether a case of the plan names it.
func (a *ack) named(plan reconcile.Plan) bool {
	return slices.ContainsFunc(plan.Cases, func(c reconcile.Case) bool {
		return slices.Contains(c.Orders, a.order.ID) || slices.Contains(c.Payments, a.payment.ID)
	})
}

// numbered reports whether its event is in a gap of the plan. Numbers go on from epoch to
// epoch, and a gap that ends in one may begin in an earlier one.
func (a *ack) numbered(plan reconcile.Plan) bool {
	return slices.ContainsFunc(plan.Gaps, func(r reconcile.Range) bool {
		return a.mark.Epoch <= r.Epoch && r.First <= a.mark.Seq && a.mark.Seq <= r.Last
	})
}

// judge checks a plan that was recorded: nothing acknowledged is missing from it unless it
// is reported, or nobody who is left could know.
func (w *world) judge(plan reconcile.Plan) {
	for _, c := range plan.Cases {
		w.count("case %s", c.Kind)
	}
	for _, a := range w.acks {
		if a.gone || a.in(plan.Records) {
			continue
		}
		recorded := slices.ContainsFunc(w.had, a.in)
		known := slices.ContainsFunc(w.nodes, func(n *worldNode) bool { return w.acknowledged[n.seen][a] })
		switch {
		case a.named(plan):
			w.count("acknowledged: named by a case")
		case a.numbered(plan):
			w.count(reported)
		case w.dropped[a.order.ID]:
			w.count("acknowledged: an ended order that Redis dropped and the ledger lost")
		case !recorded && w.ambiguous(plan, a.mark):
			w.count(usedTwice)
		case recorded || known:
			w.t.Fatalf("acknowledged %+v is missing, and was recorded: %v, seen by a node that runs: %v; gaps %v\n%s",
				*a, recorded, known, plan.Gaps, plan)
		default:
			w.count("acknowledged: nobody is left who saw it")
		}
		a.adapt(plan.Records)
	}
	w.wantSound(plan)
	if w.redis == nil || w.redis.Chain().Epoch != plan.Epoch {
		return
	}
	acknowledged := map[*ack]bool{}
	for _, a := range w.acks {
		acknowledged[a] = !a.gone
	}
	w.acknowledged[w.redis.Chain().Mark] = acknowledged
}

// ambiguous reports whether an event's number was used twice, as Redis had gone back and
// sold on before anybody noticed, and nothing that is left shows that the event is the one
// that is lost: no node stands at it, or no record can compare the link.
func (w *world) ambiguous(plan reconcile.Plan, m sale.Mark) bool {
	twice := false
	for other := range w.acknowledged {
		twice = twice || other.Seq == m.Seq && other != m
	}
	stands := slices.ContainsFunc(w.nodes, func(n *worldNode) bool { return n.seen == m })
	link, known := w.linkAt(m)
	onRedis := plan.Relation == reconcile.Same || plan.Relation == reconcile.LedgerBehind || w.book.Before(m)
	shown := w.tip.Before(m) || known && m.Epoch == w.tip.Epoch && link != m.Link && onRedis
	return twice && !(stands && shown)
}

// wantSound: nothing is sold twice, and all money is applied or due back.
func (w *world) wantSound(plan reconcile.Plan) {
	r := plan.Records
	w.wantFair(r)
	payers, parts := map[sale.OrderID]int{}, r.Refunded()
	for id, p := range r.Payments {
		o, known := r.Orders[p.Order]
		if p.State == sale.PaymentDue && p.Gone(parts[id]) || p.Of != "" && p.State == sale.PaymentApplied {
			w.t.Fatalf("got payment %+v, of which %d goes back in parts\n%s", p, parts[id], plan)
		}
		switch {
		case p.State == sale.PaymentApplied:
			if payers[p.Order]++; payers[p.Order] > 1 || o.State != sale.StatePaid {
				w.t.Fatalf("got payment %s applied to %+v, which has %d\n%s", id, o, payers[p.Order], plan)
			}
		case p.Reason == sale.ReasonNone, known && p.State == sale.PaymentDue && p.Reason == sale.ReasonOrphan:
			w.t.Fatalf("got payment %+v of order %+v, want a reason\n%s", p, o, plan)
		}
	}
	for id, o := range r.Orders {
		unpaid := func(c reconcile.Case) bool { return c.Kind == reconcile.KindUnpaid && slices.Contains(c.Orders, id) }
		free := o.Free() && r.Sale.Price == 0
		if free && payers[id] > 0 {
			w.t.Fatalf("got %+v, which costs nothing, paid by a payment\n%s", o, plan)
		}
		if r.Sale.Price == 0 && o.State.Live() && payers[id] == 0 && !free {
			w.t.Fatalf("got %+v in a sale that costs nothing, want it paid at once\n%s", o, plan)
		}
		if o.State == sale.StatePaid && payers[id] == 0 && !free && !slices.ContainsFunc(plan.Cases, unpaid) {
			w.t.Fatalf("got order %s paid by nothing\n%s", id, plan)
		}
	}
}

// wantFair: no more is sold than there is, and one order a buyer.
func (w *world) wantFair(r sale.Records) {
	if c := r.Counters(); !c.Conserved() {
		w.t.Fatalf("got %+v", c)
	}
	live := map[sale.Buyer]bool{}
	for _, o := range r.Orders {
		if o.State.Live() && live[o.Buyer] {
			w.t.Fatalf("got two live orders of %s: %+v", o.Buyer, r.Orders)
		}
		live[o.Buyer] = live[o.Buyer] || o.State.Live()
	}
}

// end reconciles until everybody agrees, and has the sale sell on.
func (w *world) end() {
	w.open()
	for round := 0; ; round++ {
		if round == 4 {
			w.t.Fatalf("got %q after %d reconciliations", w.redis.Lost(), round)
		}
		if err := w.read(false); err != nil || round == 0 {
			if err := w.reconcile(true, true); err != nil {
				w.t.Fatalf("reconcile: %v", err)
			}
			w.must(w.read(false))
		}
		for _, n := range append(slices.Clone(w.nodes), w.planner) {
			w.through(n, func() ([]*ack, error) { return nil, nil })
		}
		if w.redis.Lost() == "" {
			break
		}
		w.count("reconciled once more for who was not asked")
	}
	n := w.nodes[0]
	var sold bool
	w.through(n, func() ([]*ack, error) {
		w.must(w.redis.SetClosed(false))
		if w.redis.Counters().Remaining < 1 {
			_, err := w.redis.Restock(1, w.id("k"))
			w.must(err)
		}
		got, err := w.redis.Decide([]sale.Claim{{Order: "last", Buyer: "zoe", Quantity: 1}}, false)
		w.must(err)
		sold = got[0].Outcome == sale.Held
		return nil, nil
	})
	w.must(w.read(false))
	if !sold || w.redis.Lost() != "" || len(w.redis.stream()) > 0 {
		w.t.Fatalf("got sold %v, lost %q, %d events that wait", sold, w.redis.Lost(), len(w.redis.stream()))
	}
	w.wantRecorded()
	for _, a := range w.acks {
		if !a.gone && !a.in(w.ledger.records) {
			w.t.Fatalf("acknowledged %+v is missing at the end", *a)
		}
	}
}

// wantRecorded: a reader that has found no loss has recorded all that Redis has. The link of
// a hold covers its id alone: granted anew under its number, it may have another deadline.
func (w *world) wantRecorded() {
	want := w.redis.Records()
	for id, o := range w.ledger.records.Orders {
		if _, kept := want.Orders[id]; !kept && !o.State.Live() {
			want.Orders[id] = o // the ledger shows it
		}
	}
	alike := func(a, b sale.Order) bool {
		a.Created, a.Expires = b.Created, b.Expires
		return a == b
	}
	same := maps.EqualFunc(want.Orders, w.ledger.records.Orders, alike) && maps.Equal(want.Payments, w.ledger.records.Payments) &&
		maps.Equal(want.Restocks, w.ledger.records.Restocks) && want.Sale == w.ledger.records.Sale
	if !same || w.ledger.chain != w.redis.Chain() {
		w.t.Fatalf("the ledger at %+v, Redis at %+v (-redis +ledger):\n%s",
			w.ledger.chain, w.redis.Chain(), cmp.Diff(want, w.ledger.records))
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
