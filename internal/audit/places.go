package audit

import "onsale/internal/sale"

// places: each is given once, and the line's counters cover all of them. Buyers join while the
// places are read, and the counters are read after that, so these may be ahead.
func (f *faults) places(s sale.Snapshot) {
	if s.Line == nil {
		if len(s.Places) > 0 {
			f.add("line: %d places, and the sale has no line", len(s.Places))
		}
		return
	}
	owner, drawn := make(map[sale.Place]sale.Buyer, len(s.Places)), int64(0)
	for buyer, place := range s.Places {
		if place == sale.Drawn {
			drawn++
			continue
		}
		if other, twice := owner[place]; twice {
			f.add("line: the place %v is that of %q and of %q", place, min(buyer, other), max(buyer, other))
		}
		if owner[place] = buyer; int64(place) > s.Line.Turn {
			f.add("line: the place %v of %q is beyond the last that was given, %d", place, buyer, s.Line.Turn)
		}
	}
	l := s.Line
	if l.Over && drawn > l.Drawn {
		f.add("line: %d buyers joined before the draw, which had %d", drawn, l.Drawn)
	}
	if n := int64(len(s.Places)); n > l.Joined {
		f.add("line: %d places are taken, %d are counted", n, l.Joined)
	}
	if l.Front > l.Joined {
		f.add("line: the front is at %d of %d places", l.Front, l.Joined)
	}
}
