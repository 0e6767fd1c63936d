package judge

import (
	"fmt"
	"slices"
	"time"

	"onsale/bench/generator"
	"onsale/internal/audit"
	"onsale/internal/operate"
	"onsale/internal/sale"
)

// Records are what the stores hold of a sale when it is over.
type Records struct {
	Total  int64
	Orders []sale.Order // of every state
	// Ledger are the orders that PostgreSQL has; nil: the sale has no ledger.
	Ledger map[sale.OrderID]sale.Order
	Levels []Level
	Faults []string // that the stores' own audit found
}

// FromSnapshot are the records of a sale without a ledger, of which no order has ended.
func FromSnapshot(s sale.Snapshot) Records {
	r := Records{Total: s.Sale.Total, Faults: audit.Stock(s)}
	r.add(s.Orders)
	r.Levels = levelsOfOrders(r.Total, r.Orders)
	return r
}

// FromAudit are the records of a sale that was audited. Without a ledger none of its orders may
// have ended.
func FromAudit(a operate.Audited) Records {
	r := Records{Total: a.Sale.Total, Faults: slices.Clone(a.Faults)}
	r.add(a.Orders)
	if a.Book == nil {
		r.Levels = levelsOfOrders(r.Total, r.Orders)
		return r
	}
	r.Ledger, r.Levels = a.Book.Orders, LevelsOf(a)
	return r
}

// FromOrders are records of which only the orders are known, none of which has ended.
func FromOrders(total int64, orders []sale.Order) Records {
	return Records{Total: total, Orders: orders, Levels: levelsOfOrders(total, orders)}
}

// FromUnion are the orders that at least one of several records has live.
func FromUnion(total int64, records ...map[sale.OrderID]sale.Order) Records {
	union := map[sale.OrderID]sale.Order{}
	for _, record := range records {
		for id, o := range record {
			if o.State.Live() {
				union[id] = o
			}
		}
	}
	r := Records{Total: total}
	r.add(union)
	return r
}

func (r *Records) add(orders map[sale.OrderID]sale.Order) {
	for _, o := range orders {
		r.Orders = append(r.Orders, o)
	}
}

// Sold is how many tickets live orders have.
func (r Records) Sold() (tickets int64) {
	for _, o := range r.Orders {
		if o.State.Live() {
			tickets += int64(o.Quantity)
		}
	}
	return tickets
}

// Answers are what the buyers of a sale were answered. Each wanted one ticket.
type Answers struct {
	Acks    []generator.Ack // 201, and 200 for a repeated request: of one buyer there may be several
	Refused int64           // buyers who were answered "sold out"
	SoldOut []generator.SoldOut
	// Unanswered are buyers without a definite answer, by name, and MoreUnanswered how many more
	// there are: each may have an order.
	Unanswered     []string
	MoreUnanswered int64

	WrongQuantity int64 // orders of another number of tickets than were asked for
	Contradicted  int64 // repeated requests that were answered with another order
	Forgotten     int64 // buyers whose acknowledged order was not found again
}

// FromRun are the answers of a generator's run. A patient buyer who gave up may have an order, as may
// one whom a stop kept from a decision.
func FromRun(run generator.Run) Answers {
	a := Answers{
		Acks: run.Acks, SoldOut: run.SoldOut, Refused: run.Latencies[generator.ClassSoldOut].Count(),
		WrongQuantity: run.Errors[generator.WrongQuantity],
	}
	count := func(c generator.Class) int64 { return run.Latencies[c].Count() }
	a.MoreUnanswered = count(generator.ClassBusy) + count(generator.ClassError)
	if run.Visits == nil { // also what was under way when the run was stopped: it may have made orders
		a.MoreUnanswered = max(a.MoreUnanswered, run.Sent-count(generator.ClassSold)-count(generator.ClassSoldOut)-count(generator.ClassLimited))
	}
	if v := run.Visits; v != nil {
		a.Unanswered = slices.Concat(v.GaveUp, v.Interrupted)
		a.Contradicted, a.Forgotten = int64(len(v.Doubled)), int64(len(v.Forgotten))
	}
	return a
}

// And adds the answers of other buyers.
func (a Answers) And(b Answers) Answers {
	return Answers{
		Acks: slices.Concat(a.Acks, b.Acks), Refused: a.Refused + b.Refused, SoldOut: slices.Concat(a.SoldOut, b.SoldOut),
		Unanswered: slices.Concat(a.Unanswered, b.Unanswered), MoreUnanswered: a.MoreUnanswered + b.MoreUnanswered,
		WrongQuantity: a.WrongQuantity + b.WrongQuantity, Contradicted: a.Contradicted + b.Contradicted, Forgotten: a.Forgotten + b.Forgotten,
	}
}

// Verdict counts the breaches of each promise. All of them are 0 if none is broken.
type Verdict struct {
	Oversold       int64 `json:"oversold"`              // tickets in live orders, above the total
	Unsold         int64 `json:"unsold"`                // tickets left, although buyers who wanted them were answered otherwise
	Duplicates     int64 `json:"duplicate_orders"`      // live orders beyond a buyer's first, and repeats answered with another order
	LostAcks       int64 `json:"lost_acks"`             // acknowledged orders that a store lacks, or has for somebody else
	Unacknowledged int64 `json:"unacknowledged_orders"` // live orders of buyers who were answered otherwise: sold by the books, and to nobody
	FalseSoldOut   int64 `json:"false_sold_out"`        // "sold out", and remaining had not been 0 in the three seconds before
	WrongQuantity  int64 `json:"wrong_quantity"`        // orders of another number of tickets than were asked for
}

// Judge puts answers beside records. It is the same for every way to sell and for every
// command: a fast wrong answer is no answer.
func Judge(r Records, a Answers) Verdict {
	sold := r.Sold()
	v := Verdict{Oversold: max(0, sold-r.Total), Duplicates: a.Contradicted, LostAcks: a.Forgotten, WrongQuantity: a.WrongQuantity}
	live := map[string]int64{} // orders by buyer
	byID := map[string]sale.Order{}
	for _, o := range r.Orders {
		byID[string(o.ID)] = o
		if o.State.Live() {
			live[string(o.Buyer)]++
		}
	}
	for _, n := range live {
		v.Duplicates += n - 1
	}
	acknowledged, served := map[string]bool{}, map[string]bool{}
	for _, k := range a.Acks {
		served[k.Buyer] = true
		o, ok := byID[k.Order]
		_, kept := r.Ledger[o.ID]
		mine := ok && string(o.Buyer) == k.Buyer
		if mine {
			acknowledged[k.Order] = true
		}
		if !mine || r.Ledger != nil && !kept {
			v.LostAcks++
		}
	}
	// Tickets may be left only if too few buyers were answered to sell them to.
	v.Unsold = max(0, min(r.Total, int64(len(served))+a.Refused)-sold)
	unanswered := map[string]bool{}
	for _, buyer := range a.Unanswered {
		unanswered[buyer] = true
	}
	for _, o := range r.Orders {
		if o.State.Live() && !acknowledged[string(o.ID)] && !unanswered[string(o.Buyer)] {
			v.Unacknowledged++
		}
	}
	v.Unacknowledged = max(0, v.Unacknowledged-a.MoreUnanswered)
	v.FalseSoldOut = falselySoldOut(r.Levels, a.SoldOut)
	return v
}

// Misdated counts orders from outside a time: the verdict on "sold out" rests on their times.
// Stores keep milliseconds at best, and PostgreSQL's time is that of a transaction's beginning.
func Misdated(orders []sale.Order, from, to time.Time) (count int64) {
	for _, o := range orders {
		if at := o.Created.Time(); at.Before(from.Truncate(time.Millisecond)) || at.After(to) {
			count++
		}
	}
	return count
}

// Breaches is one promise and how often it was broken.
type Breaches struct {
	Promise string
	Count   int64
}

// All are the breaches of every promise, those that were kept included.
func (v Verdict) All() []Breaches {
	return []Breaches{
		{"oversold", v.Oversold}, {"unsold", v.Unsold}, {"duplicate orders", v.Duplicates}, {"lost acknowledgements", v.LostAcks},
		{"unacknowledged orders", v.Unacknowledged}, {"false sold-out", v.FalseSoldOut}, {"wrong quantity", v.WrongQuantity},
	}
}

// Broken are the broken promises, as text; none means that the run counts.
func (v Verdict) Broken() (faults []string) {
	for _, b := range v.All() {
		if b.Count != 0 {
			faults = append(faults, fmt.Sprintf("%s: %d", b.Promise, b.Count))
		}
	}
	return faults
}

// Faults judges a sale, and returns what the stores' own audit found too, each with the sale's
// name in front.
func Faults(id sale.ID, r Records, a Answers) (faults []string) {
	for _, fault := range slices.Concat(r.Faults, Judge(r, a).Broken()) {
		faults = append(faults, fmt.Sprintf("%s: %s", id, fault))
	}
	return faults
}
