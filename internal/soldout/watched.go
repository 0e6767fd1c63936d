package soldout

import (
	"slices"
	"time"

	"onsale/internal/sale"
)

// watched are the sales that are read.
type watched map[sale.ID]*state

type state struct {
	asked   time.Time // when nodes last published that buyers ask for it
	soldOut bool      // at the last look
	expired time.Time // when its overdue holds were ended last
}

// ask notes that buyers ask for these sales.
func (w watched) ask(ids []sale.ID, at time.Time) {
	for _, id := range ids {
		if w[id] == nil {
			w[id] = &state{}
		}
		w[id].asked = at
	}
}

// asks are the sales to read now. Those that nobody asks for any more are forgotten, and of those that are too many the ones
// that are not sold out first: they will be published again.
func (w watched) asks(c Config, now time.Time) []sale.Ask {
	var asks []sale.Ask
	for id, s := range w {
		stay := c.Hot
		if s.soldOut {
			stay = c.Stay
		}
		if now.Sub(s.asked) > stay {
			delete(w, id)
			continue
		}
		asks = append(asks, sale.Ask{ID: id})
	}
	slices.SortFunc(asks, func(a, b sale.Ask) int {
		x, y := w[a.ID], w[b.ID]
		if x.soldOut != y.soldOut {
			if x.soldOut {
				return -1
			}
			return 1
		}
		return y.asked.Compare(x.asked)
	})
	for _, a := range asks[min(c.Most, len(asks)):] {
		delete(w, a.ID)
	}
	return asks[:min(c.Most, len(asks))]
}
