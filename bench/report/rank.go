package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Saturated is the share of a core from which on the generator, and not the strategy,
// may have been what was measured.
const Saturated = 0.9

// unserved is the share of buyers that may go unserved before a p99 stops meaning
// anything: beyond it, the 99th of a hundred buyers got no ticket and no "sold out".
const unserved = 0.01

// Group is what can be compared: the strategies under one phase and one load, best
// first, INVALID ones last.
type Group struct {
	Phase   string
	Loop    string
	Offered float64
	Rows    []Summary
}

// Groups are the report's, closed loop before open, by phase and rising offer.
func (r *Report) Groups() []Group {
	var groups []Group
	for _, s := range Summarise(r.Rows) {
		i := slices.IndexFunc(groups, func(g Group) bool {
			return g.Phase == s.Phase && g.Loop == s.Loop && g.Offered == s.Offered
		})
		if i < 0 {
			i = len(groups)
			groups = append(groups, Group{Phase: s.Phase, Loop: s.Loop, Offered: s.Offered})
		}
		groups[i].Rows = append(groups[i].Rows, s)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(order(a.Phase), order(b.Phase)), strings.Compare(a.Phase, b.Phase),
			strings.Compare(a.Loop, b.Loop), cmp.Compare(a.Offered, b.Offered))
	})
	broken := map[string][]string{} // by strategy, the headings of groups
	for _, g := range groups {
		slices.SortFunc(g.Rows, compare)
		for _, s := range g.Rows {
			if s.Invalid() {
				broken[s.Strategy] = append(broken[s.Strategy], g.Phase+", "+g.Loop+" loop")
			}
		}
	}
	for _, g := range groups {
		for i := range g.Rows {
			g.Rows[i].Elsewhere = broken[g.Rows[i].Strategy]
		}
	}
	return groups
}

// order is where a phase stands among the phases.
func order(phase string) int {
	known := []string{PhaseHit, PhaseSoldOut, PhaseSpike}
	if i := slices.Index(known, phase); i >= 0 {
		return i
	}
	return len(known)
}

// Valid are the group's rows that may be compared and drawn, best first.
func (g Group) Valid() []Summary {
	return slices.DeleteFunc(slices.Clone(g.Rows), Summary.Invalid)
}

// Peer is the row of the strategy that the others are compared with, if it is there and
// valid: a ratio to a wrong answer would mean nothing.
func (g Group) Peer(strategy string) (Summary, bool) {
	for _, s := range g.Valid() {
		if s.Strategy == strategy {
			return s, true
		}
	}
	return Summary{}, false
}

// Ratio is s's throughput (closed loop) or p99 (open loop) as a multiple of the peer's,
// or false where there is none: either is INVALID, or has no such number.
func Ratio(s, peer Summary) (float64, bool) {
	if s.Invalid() || peer.Invalid() {
		return 0, false
	}
	a, b := s.Throughput(), peer.Throughput()
	if s.Loop == LoopOpen {
		a, b = s.Decisive().P99, peer.Decisive().P99
		if !s.kept() || !peer.kept() {
			return 0, false
		}
	}
	if a <= 0 || b <= 0 {
		return 0, false
	}
	return a / b, true
}

// compare puts the better row first: valid before INVALID; then the higher throughput,
// or in open loop the lower p99 of those that served their buyers. What is equal is
// sorted by name, so that reports don't change their order between renderings.
func compare(a, b Summary) int {
	return cmp.Or(
		boolCompare(a.Invalid(), b.Invalid()),
		rankCompare(a, b),
		strings.Compare(a.Strategy, b.Strategy),
	)
}

func rankCompare(a, b Summary) int {
	switch {
	case a.Invalid() || b.Invalid():
		return 0
	case a.Loop == LoopClosed:
		return cmp.Compare(b.Throughput(), a.Throughput())
	case !a.kept() && !b.kept():
		return cmp.Compare(b.Served(), a.Served())
	default:
		return cmp.Or(boolCompare(!a.kept(), !b.kept()), cmp.Compare(a.Decisive().P99, b.Decisive().P99))
	}
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// Invalid reports whether anything about the row was wrong.
func (r Row) Invalid() bool { return len(r.Faults) > 0 }

// served counts the answers that a buyer came for: a ticket, or that there is none.
func (r Row) served() int64 { return r.Classes[ClassSold].Count + r.Classes[ClassSoldOut].Count }

// Served is the share of the intended requests that were answered with a ticket or with
// "sold out". What was dropped, limited, refused as busy or failed was not.
func (r Row) Served() float64 {
	if r.Intended <= 0 {
		return 0
	}
	return min(1, float64(r.served())/float64(r.Intended))
}

// Throughput is how many buyers were served a second: an error or a "busy" is answered
// quickly, and would make the strategy that gives up first the fastest.
func (r Row) Throughput() float64 {
	if r.Completed <= 0 {
		return 0
	}
	return r.Rate * min(1, float64(r.served())/float64(r.Completed))
}

// kept reports whether the strategy kept up with the offered rate, so that its p99 is
// that of its buyers and not of the lucky ones.
func (r Row) kept() bool { return r.Served() >= 1-unserved && r.Decisive().Count > 0 }

// decisive is the class whose latency a phase is about.
func decisive(phase string) string {
	if phase == PhaseSoldOut {
		return ClassSoldOut
	}
	return ClassSold
}

// Decisive are the latencies that the phase is about: those of "sold out" where nothing
// is left to sell, and those of a ticket everywhere else.
func (r Row) Decisive() Quantiles { return r.Classes[decisive(r.Phase)] }

// Cost is the µs of processor time a request takes of all processes but the generator.
func (r Row) Cost() (sum float64) {
	for _, process := range processes(r.CPU) {
		sum += r.CPU[process]
	}
	return sum
}

// processes are the strategy's own, sorted, so that sums of floats are always the same.
func processes[V any](by map[string]V) []string {
	return slices.DeleteFunc(sortedKeys(by), func(p string) bool { return p == Generator })
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
