package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"onsale/internal/sale"
)

// Relation is how the two records' chains of events relate.
type Relation string

// The relations. Only a chain that is proven to be a prefix is one; the others
// are merged as forks.
const (
	RedisAlone   Relation = "redis-alone"
	LedgerAlone  Relation = "ledger-alone"
	Same         Relation = "same"          // both go equally far
	LedgerBehind Relation = "ledger-behind" // the ledger's is a prefix: Redis is right
	RedisBehind  Relation = "redis-behind"  // Redis has nothing that the ledger contradicts
	Forked       Relation = "forked"
	TwoLives     Relation = "two-lives" // records of two sales under one id
)

// Kind is what was found.
type Kind string

// The kinds of cases, in the order in which a plan lists them.
const (
	KindTwoLives   Kind = "two-lives"            // both records have sold, as different sales
	KindReopened   Kind = "opened-twice"         // Redis has a new sale under this id that never sold
	KindDefinition Kind = "definition-differs"   // price, window or another term
	KindClosed     Kind = "closed-differs"       // closed in one record, open in the other
	KindRestock    Kind = "restock-differs"      // one key, two deltas
	KindOrder      Kind = "order-differs"        // one order id, two buyers or quantities
	KindReport     Kind = "payment-differs"      // one payment id, two orders or amounts
	KindTwoOrders  Kind = "two-orders"           // a buyer with more than one live order
	KindOversold   Kind = "oversold"             // more in live orders than the total
	KindEndedPaid  Kind = "ended-against-paid"   // paid in one fork, ended in the other
	KindEnded      Kind = "ended-unknown"        // an order ended, and no record has its end
	KindUnpaid     Kind = "paid-without-payment" // no record has the payment
	KindOrphan     Kind = "orphan-payment"       // its order was unknown, and is known now
	KindPayment    Kind = "payment-due"          // an applied payment that has to go back, or a due one that is applied
	KindRecovered  Kind = "hold-recovered"       // in no record, given back by a node
	KindGap        Kind = "events-lost"          // seen by nodes, held by nobody
)

var kinds = []Kind{
	KindTwoLives, KindReopened, KindDefinition, KindClosed, KindRestock, KindOrder, KindReport,
	KindTwoOrders, KindOversold, KindEndedPaid, KindEnded, KindUnpaid, KindOrphan, KindPayment, KindRecovered, KindGap,
}

// Case is one thing that does not follow from the chains of events alone.
type Case struct {
	Kind     Kind
	Orders   []sale.OrderID
	Buyer    sale.Buyer
	Payments []sale.PaymentID
	What     string   // was found, as a sentence
	Decision string   // what is done about it; empty if the operator has to decide
	Options  []string // of the operator
}

// Range is a run of events by number, both ends included.
type Range struct{ Epoch, First, Last int64 }

// Count is how many events the range has.
func (r Range) Count() int64 { return r.Last - r.First + 1 }

// Lack is how much of the union one record does not have as it is there.
type Lack struct{ Orders, Payments, Places int }

// Plan is what both records shall hold, and what has to be decided before. As
// long as a case needs a decision its records are a draft.
type Plan struct {
	Records  sale.Records
	Life     string
	Epoch    int64 // one above every epoch that was seen
	Relation Relation
	Redis    Lack // an ended order that Redis has dropped is not lacking
	Ledger   Lack
	Cases    []Case
	// Gaps are the events that nodes have seen and neither a record nor a node can
	// give back. Where a fork began is not always known: then it is an upper bound.
	Gaps []Range
}

// DecisionsNeeded are the cases that the operator has to decide.
func (p Plan) DecisionsNeeded() (cases []Case) {
	for _, c := range p.Cases {
		if c.Decision == "" {
			cases = append(cases, c)
		}
	}
	return cases
}

// String describes the plan: what it comes to, how many cases of each kind, then
// each case in one line.
func (p Plan) String() string {
	var b strings.Builder
	c := p.Records.Counters()
	fmt.Fprintf(&b, "sale %s: records %s; next epoch %d; of %d tickets %d held, %d paid, %d remain; %d orders, %d payments\n",
		p.Records.Sale.ID, p.Relation, p.Epoch, c.Total, c.Held, c.Paid, c.Remaining, len(p.Records.Orders), len(p.Records.Payments))
	fmt.Fprintf(&b, "Redis lacks %d orders and %d payments; the ledger lacks %d and %d\n",
		p.Redis.Orders, p.Redis.Payments, p.Ledger.Orders, p.Ledger.Payments)
	if len(p.Records.Places) > 0 {
		fmt.Fprintf(&b, "%d have joined the line; Redis lacks %d of their places, the ledger %d\n", len(p.Records.Places), p.Redis.Places, p.Ledger.Places)
	}
	count, needed := map[Kind]int{}, map[Kind]int{}
	for _, c := range p.Cases {
		count[c.Kind]++
		if c.Decision == "" {
			needed[c.Kind]++
		}
	}
	for _, k := range kinds {
		switch {
		case needed[k] > 0:
			fmt.Fprintf(&b, "%d %s, %d to be decided\n", count[k], k, needed[k])
		case count[k] > 0:
			fmt.Fprintf(&b, "%d %s\n", count[k], k)
		}
	}
	for _, c := range p.Cases {
		fmt.Fprintf(&b, "%s: %s: %s\n", c.Kind, c.What, c.outcome())
	}
	return b.String()
}

// outcome is the decision, or what may be decided.
func (c Case) outcome() string {
	if c.Decision != "" {
		return c.Decision
	}
	return "to be decided: " + strings.Join(c.Options, ", ")
}

// ErrNothing is returned by [Make] if neither record has the sale.
var ErrNothing = errors.New("neither Redis nor the ledger has the sale")

// Make merges what is left of a sale. It returns [ErrNothing] without a record,
// and an error if the records are of two sale ids or a decision is no known value.
// The same input and decisions give the same plan.
func Make(in Input, d Decisions) (Plan, error) {
	if err := d.validate(); err != nil {
		return Plan{}, err
	}
	m := &merge{now: in.Now, decisions: d, cases: map[Kind][]Case{}}
	if err := m.choose(in); err != nil {
		return Plan{}, err
	}
	m.unite()
	m.recover(in.Holds)
	m.money()
	m.contests()
	m.overruled()
	m.buyers()
	m.stock()
	m.deadlines()
	m.gaps(in)
	return m.finish(in), nil
}

func (d Decisions) validate() error {
	var faults []error
	check := func(ok bool, what, value string) {
		if !ok {
			faults = append(faults, fmt.Errorf("decision %s: %q is none", what, value))
		}
	}
	check(slices.Contains([]TwoOrders{NoDecision, KeepFirst, KeepLater}, d.TwoOrders), "on two orders", string(d.TwoOrders))
	check(slices.Contains([]Oversold{NoDecision, RaiseTotal, RefundLater}, d.Oversold), "on an oversold sale", string(d.Oversold))
	check(d.Lives == NoDecision || d.Lives == MergeLives, "on two sales", string(d.Lives))
	return errors.Join(faults...)
}

// finish sorts the cases, and counts what each record lacks.
func (m *merge) finish(in Input) Plan {
	m.records.Sale.Total = m.total()
	m.settleGone()
	m.listPayments()
	p := Plan{
		Records: m.records, Life: m.life, Epoch: m.epoch, Relation: m.relation, Gaps: m.lost,
		Redis: m.lack(in.Redis, true), Ledger: m.lack(in.Ledger, false),
	}
	for _, k := range kinds {
		cases := m.cases[k]
		slices.SortFunc(cases, func(a, b Case) int {
			return cmp.Or(slices.Compare(a.Orders, b.Orders), slices.Compare(a.Payments, b.Payments), cmp.Compare(a.Buyer, b.Buyer), cmp.Compare(a.What, b.What))
		})
		p.Cases = append(p.Cases, cases...)
	}
	return p
}

// listPayments adds to each case about orders the payments of these.
func (m *merge) listPayments() {
	of := map[sale.OrderID][]sale.PaymentID{}
	for _, kind := range []Kind{KindTwoOrders, KindOversold, KindEndedPaid, KindEnded} {
		for _, c := range m.cases[kind] {
			for _, id := range c.Orders {
				of[id] = nil
			}
		}
	}
	if len(of) == 0 {
		return
	}
	for id, p := range m.records.Payments {
		if ids, listed := of[p.Order]; listed {
			of[p.Order] = append(ids, id)
		}
	}
	for _, kind := range []Kind{KindTwoOrders, KindOversold, KindEndedPaid, KindEnded} {
		for i := range m.cases[kind] {
			c := &m.cases[kind][i]
			for _, id := range c.Orders {
				c.Payments = append(c.Payments, slices.Sorted(slices.Values(of[id]))...)
			}
		}
	}
}

// lack counts what a side does not have as the union has it. The deadline does
// not count: every hold gets a new one.
func (m *merge) lack(s *Side, drops bool) (l Lack) {
	if s == nil {
		s = &Side{}
	}
	for id, o := range m.records.Orders {
		kept, known := s.Records.Orders[id]
		if !known && drops && !o.State.Live() {
			continue
		}
		if kept.Expires = o.Expires; kept != o {
			l.Orders++
		}
	}
	for id, p := range m.records.Payments {
		if s.Records.Payments[id] != p {
			l.Payments++
		}
	}
	for buyer, place := range m.records.Places {
		if s.Records.Places[buyer] != place {
			l.Places++
		}
	}
	return l
}
