package main

import (
	"fmt"
	"slices"
	"time"

	"onsale/bench/generator"
	"onsale/bench/strategy"
	"onsale/internal/sale"
)

// verdict is what buyers were told, put beside what the store holds. It is the
// same for every strategy: a fast wrong answer is no answer.
type verdict struct {
	Oversold, Unsold, Duplicates, LostAcks, FalseSoldOut int64
	// Misdated are orders from before the sale or from after the run: what is said of
	// "sold out" rests on their times.
	Misdated int64
	// Untold are orders that no buyer was told of: whoever has one was told sold out,
	// or never came. Their tickets are sold by the books, and to nobody.
	Untold int64
}

// judgeRun compares one run on a sale of its own with the orders that the store
// has of it. before are tickets that others had bought earlier.
func judgeRun(total int64, run generator.Run, orders []strategy.Order, before int64) verdict {
	byID, buyers := map[string]string{}, map[string]int64{}
	levels := []level{{0, total}}
	slices.SortFunc(orders, func(a, b strategy.Order) int { return a.At.Compare(b.At) })
	for _, o := range orders {
		byID[o.ID] = o.Buyer
		buyers[o.Buyer]++
		levels = append(levels, level{sale.Instant(o.At.UnixMilli()), levels[len(levels)-1].Remaining - 1})
	}
	v := verdict{Oversold: max(0, int64(len(orders))-total)}
	for _, n := range buyers {
		v.Duplicates += n - 1
	}
	// A buyer who asked twice was told twice, of one order.
	told, served := map[string]bool{}, map[string]bool{}
	for _, a := range run.Acks {
		served[a.Buyer] = true
		if buyer, ok := byID[a.Order]; !ok || buyer != a.Buyer {
			v.LostAcks++
		} else {
			told[a.Order] = true
		}
	}
	// Tickets may be left only where too few buyers were heard to sell them to.
	heard := int64(len(served)) + run.Latencies[generator.ClassSoldOut].Count()
	v.Unsold = max(0, min(total, heard+before)-int64(len(orders)))
	// Who was told to come back, or got no answer, may have an order all the same.
	undecided := run.Latencies[generator.ClassBusy].Count() + run.Latencies[generator.ClassError].Count()
	v.Untold = max(0, int64(len(orders))-before-int64(len(told))-undecided)
	v.FalseSoldOut = falselySoldOut(levels, run.SoldOut)
	return v
}

// misdated counts orders from outside a time. Stores keep milliseconds at best, and
// PostgreSQL's time is that of a transaction's beginning.
func misdated(orders []strategy.Order, from, to time.Time) (count int64) {
	for _, o := range orders {
		if o.At.Before(from.Truncate(time.Millisecond)) || o.At.After(to) {
			count++
		}
	}
	return count
}

// faults are the verdict in words; none means that the run counts.
func (v verdict) faults() (faults []string) {
	for _, check := range []struct {
		name  string
		count int64
	}{
		{"oversold", v.Oversold}, {"unsold", v.Unsold}, {"duplicate orders", v.Duplicates},
		{"lost acknowledgements", v.LostAcks}, {"false sold-out", v.FalseSoldOut}, {"orders that nobody was told of", v.Untold},
		{"orders from outside the sale's time", v.Misdated},
	} {
		if check.count != 0 {
			faults = append(faults, fmt.Sprintf("%s: %d", check.name, check.count))
		}
	}
	return faults
}
