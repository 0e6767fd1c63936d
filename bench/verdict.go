package main

import (
	"fmt"
	"slices"

	"onsale/bench/generator"
	"onsale/bench/strategy"
	"onsale/internal/sale"
)

// verdict is what buyers were told, put beside what the store holds. It is the
// same for every strategy: a fast wrong answer is no answer.
type verdict struct {
	Oversold, Unsold, Duplicates, LostAcks, FalseSoldOut int64
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
	told := int64(0)
	v := verdict{Oversold: max(0, int64(len(orders))-total)}
	// Tickets may be left only where too few buyers were heard to sell them to.
	heard := run.Latencies[generator.ClassSold].Count() + run.Latencies[generator.ClassSoldOut].Count()
	v.Unsold = max(0, min(total, heard+before)-int64(len(orders)))
	for _, n := range buyers {
		v.Duplicates += n - 1
	}
	for _, a := range run.Acks {
		if buyer, ok := byID[a.Order]; !ok || buyer != a.Buyer {
			v.LostAcks++
		} else {
			told++
		}
	}
	// Who was told to come back, or got no answer, may have an order all the same.
	undecided := run.Latencies[generator.ClassBusy].Count() + run.Latencies[generator.ClassError].Count()
	v.Untold = max(0, int64(len(orders))-before-told-undecided)
	v.FalseSoldOut = falselySoldOut(levels, run.SoldOut)
	return v
}

// faults are the verdict in words; none means that the run counts.
func (v verdict) faults() (faults []string) {
	for _, check := range []struct {
		name  string
		count int64
	}{
		{"oversold", v.Oversold}, {"unsold", v.Unsold}, {"duplicate orders", v.Duplicates},
		{"lost acknowledgements", v.LostAcks}, {"false sold-out", v.FalseSoldOut}, {"orders that nobody was told of", v.Untold},
	} {
		if check.count != 0 {
			faults = append(faults, fmt.Sprintf("%s: %d", check.name, check.count))
		}
	}
	return faults
}
