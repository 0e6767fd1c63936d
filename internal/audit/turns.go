package audit

import "onsale/internal/sale"

// turns: what the stream has of a line. Each order was taken by the place of its buyer, which the
// front had reached (L1); nobody has the place of another (L2); and the front never fell (L4).
func (f *faults) turns(s sale.Snapshot) {
	if s.Line == nil || s.Sale.Admission != sale.AdmitLine {
		return
	}
	front, owners := int64(0), map[int64]sale.Buyer{}
	for _, e := range s.Stream {
		if e.Lined.Front > 0 && e.Lined.Front < front {
			f.add("line: the front fell from %d to %d at stream entry %s", front, e.Lined.Front, e.ID)
		}
		front = max(front, e.Lined.Front)
		taken := false
		for i, o := range e.Orders {
			if len(e.Places) == 0 && o.State != sale.StateHeld {
				continue // it was taken before
			}
			if taken = true; i >= len(e.Places) {
				f.add("line: order %s was taken without a place", o.ID)
				continue
			}
			place := e.Places[i]
			if place < 1 || place > e.Lined.Front {
				f.add("line: order %s was taken at place %d, and the front was %d", o.ID, place, e.Lined.Front)
			}
			if owner, known := owners[place]; known && owner != o.Buyer {
				f.add("line: order %s of %q was taken at place %d, which is that of %q", o.ID, o.Buyer, place, owner)
			} else if own := s.Line.Position(s.Places[o.Buyer]); own != 0 && own != place {
				f.add("line: order %s of %q was taken at place %d, and its buyer has %d", o.ID, o.Buyer, place, own)
			}
			owners[place] = o.Buyer
		}
		if taken && len(e.Places) > len(e.Orders) {
			f.add("line: stream entry %s has %d places of %d orders", e.ID, len(e.Places), len(e.Orders))
		}
	}
	if front > s.Line.Front {
		f.add("line: the front is %d, and was %d in the stream", s.Line.Front, front)
	}
}
