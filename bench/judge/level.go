package judge

import (
	"cmp"
	"math"
	"slices"
	"time"

	"onsale/bench/generator"
	"onsale/internal/operate"
	"onsale/internal/sale"
)

// Level is how many tickets remained from an instant on.
type Level struct {
	At        sale.Instant
	Remaining int64
}

// LevelsOf is the sale's stock over time, by the ledger's times: one level for the opening, and
// one for every order made or ended.
func LevelsOf(a operate.Audited) []Level {
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
	levels := []Level{{0, a.Book.Opened}}
	for _, c := range changes {
		levels = append(levels, Level{c.at, levels[len(levels)-1].Remaining + c.delta})
	}
	return levels
}

// levelsOfOrders is the same of a sale whose orders have not ended, by their own times.
func levelsOfOrders(total int64, orders []sale.Order) []Level {
	made := slices.SortedFunc(slices.Values(orders), func(a, b sale.Order) int { return cmp.Compare(a.Created, b.Created) })
	levels := []Level{{0, total}}
	for _, o := range made {
		levels = append(levels, Level{o.Created, levels[len(levels)-1].Remaining - int64(o.Quantity)})
	}
	return levels
}

// soldOutAge is how old the knowledge behind "sold out" may be, which is promise P4.
const soldOutAge = 3 * time.Second

// falselySoldOut counts "sold out" answers for which no moment of the three seconds before them
// had remaining = 0. An answer was made between its request's sending and its receipt; Redis and
// the buyers share this machine's clock.
func falselySoldOut(levels []Level, answers []generator.SoldOut) int64 {
	none := soldOutSpans(levels)
	var wrong int64
	for _, t := range answers {
		// The first span that had not ended when the answer could first be true.
		from := sale.Instant(t.Sent).Add(-soldOutAge)
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
func soldOutSpans(levels []Level) (none []span) {
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

// SoldOutAfter is how many seconds it took from the first ticket to the last, 0 if some are left.
func SoldOutAfter(levels []Level) float64 {
	if len(levels) < 2 || levels[len(levels)-1].Remaining != 0 {
		return 0
	}
	return levels[len(levels)-1].At.Sub(levels[1].At).Seconds()
}
