package main

import (
	"cmp"
	"math"
	"slices"
	"time"

	"onsale/bench/generator"
	"onsale/internal/operate"
	"onsale/internal/sale"
)

// level is how many tickets remained from an instant on.
type level struct {
	At        sale.Instant
	Remaining int64
}

// levelsOf tells the sale's stock over time from the ledger's times: one level
// for the opening, and one for every order made or ended.
func levelsOf(a operate.Audited) []level {
	type change struct {
		at    sale.Instant
		delta int64
	}
	var changes []change
	for id, o := range a.Book.Orders {
		changes = append(changes, change{o.Created, -int64(o.Quantity)})
		if !o.State.Live() {
			changes = append(changes, change{a.Book.Changed[id], int64(o.Quantity)})
		}
	}
	// Within a millisecond, tickets return before they are sold again.
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(b.delta, a.delta)) })
	levels := []level{{0, a.Book.Opened}}
	for _, c := range changes {
		levels = append(levels, level{c.at, levels[len(levels)-1].Remaining + c.delta})
	}
	return levels
}

// p4 is how old the truth behind "sold out" may be.
const p4 = 3 * time.Second

// falselySoldOut counts answers for which no moment of the three seconds
// before them had remaining = 0. An answer was said between its request's
// sending and its receipt; Redis and the buyers share this machine's clock.
func falselySoldOut(levels []level, told []generator.SoldOut) int64 {
	none := soldOutSpans(levels)
	var wrong int64
	for _, t := range told {
		// The first span that had not ended when the answer could first be true.
		from := sale.Instant(t.Sent).Add(-p4)
		i, _ := slices.BinarySearchFunc(none, from, func(s span, at sale.Instant) int { return cmp.Compare(s.to, at) })
		if i == len(none) || none[i].from > sale.Instant(t.Received) {
			wrong += t.Buyers
		}
	}
	return wrong
}

// span is a time from one instant to another, both of them in it.
type span struct{ from, to sale.Instant }

// soldOutSpans are when remaining was 0 (or less), by rising time, so that each
// answer needs a search and not a walk through three seconds of orders.
func soldOutSpans(levels []level) (none []span) {
	for i, l := range levels {
		if l.Remaining > 0 {
			continue
		}
		end := sale.Instant(math.MaxInt64)
		if i+1 < len(levels) {
			end = levels[i+1].At
		}
		if last := len(none) - 1; last >= 0 && none[last].to == l.At {
			none[last].to = end // it went on
		} else {
			none = append(none, span{l.At, end})
		}
	}
	return none
}

// soldOutAfter is how long it took from the first ticket to the last, 0 if
// some are left.
func soldOutAfter(levels []level) float64 {
	if len(levels) < 2 || levels[len(levels)-1].Remaining != 0 {
		return 0
	}
	return levels[len(levels)-1].At.Sub(levels[1].At).Seconds()
}
