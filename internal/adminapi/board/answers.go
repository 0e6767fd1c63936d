package board

import (
	"maps"
	"time"
)

// answers adds up what nodes have registered of their answers. A node that has gone keeps its share: its answers were given.
type answers struct {
	at     time.Time // of the last reading
	nodes  map[string]map[string]int64
	totals map[string]int64
	rates  map[string]float64
}

const (
	// maxAnswering is how many nodes are remembered, of which most may have gone.
	maxAnswering = 1000
	// staleAnswers is after how long two readings say nothing of a second any more: nobody looked in between.
	staleAnswers = 5 * time.Second
)

// take takes in a reading. Numbers that fall are those of a node that was started again.
func (a *answers) take(now time.Time, nodes map[string]map[string]int64) {
	if a.nodes == nil || len(a.nodes) > maxAnswering {
		*a = answers{nodes: map[string]map[string]int64{}, totals: map[string]int64{}}
	}
	passed := now.Sub(a.at)
	known := !a.at.IsZero() && passed > 0 && passed < staleAnswers
	a.at, a.rates = now, map[string]float64{}
	for name, counts := range nodes {
		was, seen := a.nodes[name]
		for code, n := range counts {
			more := n - was[code]
			if more < 0 {
				more = n
			}
			a.totals[code] += more
			if known && seen {
				a.rates[code] += float64(more) / passed.Seconds()
			}
		}
		a.nodes[name] = counts
	}
}

func (a *answers) now() *answersNow {
	if len(a.nodes) == 0 {
		return nil
	}
	return &answersNow{Totals: maps.Clone(a.totals), PerSecond: maps.Clone(a.rates)}
}
