package audit

import (
	"onsale/internal/line"
	"onsale/internal/sale"
)

// drawn: who was drawn can be computed from what Redis has, by the list that is kept or by the places, or
// else nobody who was drawn learns a position.
func (f *faults) drawn(s sale.Snapshot) {
	if s.Line == nil || s.Line.List == "" {
		return
	}
	size := len(line.Entry{})
	kept := make([]line.Entry, 0, len(s.Entries)/size)
	for rest := s.Entries; len(rest) >= size; rest = rest[size:] {
		kept = append(kept, line.Entry(rest[:size]))
	}
	if line.HashEntries(kept).String() == s.Line.List {
		return
	}
	list, err := line.NewList(string(s.Sale.ID), string(s.Sale.LineSecret))
	if err != nil {
		f.add("line: %v", err)
		return
	}
	for buyer, place := range s.Places {
		if place == sale.Drawn {
			list.Add(string(buyer))
		}
	}
	if line.HashEntries(list.Sorted()).String() != s.Line.List {
		f.add("line: neither the %d entries that are kept of the draw nor the places are the list that was published", len(kept))
	}
}

// joined: each place is in both records, or waits in the stream. What the ledger has recorded since the
// snapshot is for the next audit.
func (f *faults) joined(s sale.Snapshot, ledger sale.Records, upto sale.Mark) {
	var missing, other, alone some
	for buyer, place := range s.Places {
		if kept, known := ledger.Places[buyer]; !known {
			missing.add(buyer)
		} else if kept != place {
			other.add(buyer)
		}
	}
	if !s.Chain.Mark.Before(upto) {
		for buyer := range ledger.Places {
			if _, known := s.Places[buyer]; !known {
				alone.add(buyer)
			}
		}
	}
	missing.report(f, "are in Redis, not in the ledger, and not in flight")
	other.report(f, "are others in the ledger with what is in flight")
	alone.report(f, "are in the ledger alone: run onsale reconcile --force")
}

// some counts buyers, and remembers one.
type some struct {
	count int
	first sale.Buyer
}

func (s *some) add(b sale.Buyer) {
	if s.count++; s.count == 1 || b < s.first {
		s.first = b
	}
}

func (s *some) report(f *faults, what string) {
	if s.count > 0 {
		f.add("line: %d places %s, such as that of %q", s.count, what, s.first)
	}
}
