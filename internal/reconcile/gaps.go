package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"onsale/internal/sale"
)

// gaps finds the events that nodes have seen and that are in no record, less
// those that nodes gave back as holds. Marks of an epoch before the records' are
// passed over: the reconciliation that ended it has reported them, unless they have
// a higher number than it knew of.
func (m *merge) gaps(in Input) {
	tip := m.further.Chain.Mark
	marks := slices.Clone(in.Seen)
	for _, h := range in.Holds {
		if h.Life == m.life {
			marks = append(marks, h.Mark)
		}
	}
	slices.SortFunc(marks, func(a, b sale.Mark) int {
		return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Link, b.Link))
	})
	var lowest sale.Mark // of the epoch
	for i, mark := range marks {
		if mark.Epoch != lowest.Epoch {
			lowest = mark
		}
		switch {
		case mark.Epoch < tip.Epoch && (mark.Seq <= tip.Seq || !m.inNoRecord(mark)):
		case mark.Epoch < tip.Epoch || tip.Before(mark):
			if i+1 < len(marks) && marks[i+1].Epoch == mark.Epoch {
				continue
			}
			// Where a later epoch began is not known, so it counts from the tip; unless it has a number
			// that the records have as well: then they went on beside it, from an event before that.
			begin := m.last(mark.Epoch)
			if mark.Epoch > tip.Epoch && lowest.Seq <= begin {
				begin = m.forkedAfter(lowest)
			}
			m.lost = append(m.lost, Range{mark.Epoch, min(begin+1, mark.Seq), mark.Seq})
		case m.inNoRecord(mark):
			m.lost = append(m.lost, Range{mark.Epoch, m.forkedAfter(mark) + 1, mark.Seq})
		}
	}
	m.lost = without(joined(m.lost), m.given(marks, in.Holds))
	var count int64
	for _, r := range m.lost {
		count += r.Count()
	}
	if count > 0 {
		m.add(Case{
			Kind:     KindGap,
			What:     fmt.Sprintf("nodes have seen events that nobody holds, up to %d: %s", count, numbers(m.lost)),
			Decision: "reported: what they did is lost",
		})
	}
}

// given are the lost events that did nothing but grant holds that nodes give back. Of
// several forks each has an event under the same number, so each has to be given back. A
// claim that was sent again does not prove what the event at its mark did.
func (m *merge) given(marks []sale.Mark, holds []Hold) map[Range]bool {
	type link struct {
		Range // of one event
		link  string
	}
	at := func(m sale.Mark) link { return link{Range{m.Epoch, m.Seq, m.Seq}, m.Link} }
	back := map[link]bool{}
	for _, h := range holds {
		if h.Life == m.life && !h.Again {
			back[at(h.Mark)] = true
		}
	}
	given := map[Range]bool{}
	var forks, here, returned int // that reach an event, of which marks show it, and give it back
	for i, mark := range slices.Backward(marks) {
		if i+1 == len(marks) || marks[i+1].Epoch != mark.Epoch {
			forks = 0
		}
		if i+1 == len(marks) || marks[i+1].Epoch != mark.Epoch || marks[i+1].Seq != mark.Seq {
			here, returned = 0, 0
		}
		lost := m.further.Chain.Before(mark) || m.inNoRecord(mark)
		if lost && (i+1 == len(marks) || marks[i+1] != mark) {
			if here++; back[at(mark)] {
				returned++
			}
		}
		forks = max(forks, here)
		if i == 0 || marks[i-1].Epoch != mark.Epoch || marks[i-1].Seq != mark.Seq {
			if returned > 0 && returned == forks {
				given[at(mark).Range] = true
			}
		}
	}
	return given
}

// last is the last event in a record that a mark of the epoch may continue.
func (m *merge) last(epoch int64) int64 {
	if o := m.other; o != nil && o.Chain.Epoch == epoch {
		return max(m.further.Chain.Seq, o.Chain.Seq)
	}
	return m.further.Chain.Seq
}

// numbers lists ranges, and stops where a line would get too long.
func numbers(ranges []Range) string {
	const most = 20
	var texts []string
	for i, r := range ranges {
		if i == most {
			texts = append(texts, fmt.Sprintf("and %d ranges more", len(ranges)-most))
			break
		}
		texts = append(texts, fmt.Sprintf("%d-%d of epoch %d", r.First, r.Last, r.Epoch))
	}
	return strings.Join(texts, ", ")
}

// inNoRecord reports whether a mark within the records' reach is provably of a
// fork that neither holds.
func (m *merge) inNoRecord(mark sale.Mark) bool {
	covers := func(s *Side) bool { return s != nil && s.Chain.Epoch == mark.Epoch && s.Chain.Seq >= mark.Seq }
	redis, inRedis := m.redis.linkAt(mark)
	ledger, inLedger := m.ledger.linkAt(mark)
	switch {
	case inRedis && redis == mark.Link, inLedger && ledger == mark.Link:
		return false
	case covers(m.redis) && !inRedis:
		return false // not provably
	case covers(m.ledger) && !inLedger:
		return m.proven() // the ledger's events are Redis's
	}
	return true
}

// forkedAfter is an event up to which a fork that nobody holds is known to
// somebody. Only the ledger may know: the fork went on where it stood. The first
// event is the opening, which all forks of a life share.
func (m *merge) forkedAfter(mark sale.Mark) int64 {
	if m.ledger != nil && m.ledger.Chain.Epoch == mark.Epoch && m.ledger.Chain.Seq < mark.Seq {
		return m.ledger.Chain.Seq
	}
	return 1
}

// joined are the ranges sorted, with those that overlap or touch made one.
func joined(ranges []Range) (out []Range) {
	slices.SortFunc(ranges, func(a, b Range) int { return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.First, b.First)) })
	for _, r := range ranges {
		if n := len(out) - 1; n >= 0 && out[n].Epoch == r.Epoch && r.First <= out[n].Last+1 {
			out[n].Last = max(out[n].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}

// without takes single events out of sorted ranges.
func without(ranges []Range, given map[Range]bool) (out []Range) {
	singles := make([]Range, 0, len(given))
	for g := range given {
		singles = append(singles, g)
	}
	singles = joined(singles)
	for _, r := range ranges {
		for _, g := range singles {
			if g.Epoch != r.Epoch || g.Last < r.First || g.First > r.Last {
				continue
			}
			if g.First > r.First {
				out = append(out, Range{r.Epoch, r.First, g.First - 1})
			}
			r.First = g.Last + 1
		}
		if r.First <= r.Last {
			out = append(out, r)
		}
	}
	return out
}
