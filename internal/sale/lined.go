package sale

// LineRecord is what is known of a line and can't be counted anew: it outlasts Redis's memory. The zero
// value knows nothing.
type LineRecord struct {
	Front       int64  // the highest
	Frozen      bool   // the draw has been frozen,
	Drawn       int64  // with so many places
	List        string // as in [Line]
	BeaconValue string
}

// Raise takes what another record knows: the higher front, and each step of the draw that is not known here.
func (l *LineRecord) Raise(by LineRecord) {
	l.Front = max(l.Front, by.Front)
	if !l.Frozen {
		l.Frozen, l.Drawn = by.Frozen, by.Drawn
	}
	if l.List == "" {
		l.List = by.List
	}
	if l.BeaconValue == "" {
		l.BeaconValue = by.BeaconValue
	}
}

// Record is what the ledger keeps of the line.
func (l *Line) Record() LineRecord {
	return LineRecord{Front: l.Front, Frozen: l.Over, Drawn: l.Drawn, List: l.List, BeaconValue: l.BeaconValue}
}
