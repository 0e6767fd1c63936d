package line

// Turn is what a place means at a moment.
type Turn int

const (
	NotYet Turn = iota // the front has not come to it, or the late line has not
	InTurn             // it has been admitted
	IsLate             // it was admitted longer ago, and has to join the late line
)

// Turn reports whether a place may buy. late is its ordinal in the late line, or 0.
func (f *Front) Turn(place, late, now int64) Turn {
	switch {
	case place < 1 || place > f.Front:
		return NotYet
	case f.awaits(place, now) != nil, late > 0 && late <= f.Late.Called, f.Free:
		return InTurn
	case late > 0:
		return NotYet
	}
	return IsLate
}

// awaits is the second in which a place was admitted, while it is awaited.
func (f *Front) awaits(place, now int64) *Second {
	if e := f.Turns.find(place); e != nil && now/1000-e.At <= Window {
		return e
	}
	return nil
}

// JoinLate gives the next ordinal in the late line.
func (f *Front) JoinLate() int64 {
	f.Late.Joined++
	return f.Late.Joined
}

// Bought counts a place's first purchase. late is its ordinal in the late line, or 0.
func (f *Front) Bought(place, late, quantity, now int64) {
	q := float64(quantity)
	f.Orders.Count++
	f.Orders.Tickets += q
	f.Orders.Squares += q * q
	if e := f.awaits(place, now); e != nil {
		e.Bought++
	} else if e := f.Late.Turns.find(late); e != nil {
		e.Bought++
	}
}
