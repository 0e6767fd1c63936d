package board

import (
	"cmp"
	"onsale/internal/sale"
	"slices"
	"time"
)

// hottest are the sales that sell the most, then those that sold last, then the others by id; at most maxListed. The caller
// holds mu.
func (f *Feed) hottest(surveys []sale.Survey) []sale.ID {
	type ranked struct {
		at    int
		rate  float64
		moved time.Time
	}
	all := make([]ranked, len(surveys))
	for i := range surveys {
		all[i] = ranked{at: i}
		if s := f.sales[surveys[i].Sale.ID]; s != nil {
			all[i].rate, all[i].moved = s.rate(), s.moved
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.rate, a.rate), b.moved.Compare(a.moved), cmp.Compare(surveys[a.at].Sale.ID, surveys[b.at].Sale.ID))
	})
	first := make([]sale.ID, 0, maxListed)
	for _, r := range all[:min(len(all), maxListed)] {
		first = append(first, surveys[r.at].Sale.ID)
	}
	return first
}

// rate is how fast a sale sells. The caller holds mu.
func (f *Feed) rate(id sale.ID) float64 {
	if s := f.sales[id]; s != nil {
		return s.rate()
	}
	return 0
}
