package sale

import (
	"errors"
	"strconv"
)

// Place is a buyer's place in a line: Drawn, or the ordinal of one who joined after the draw. 0 is
// none.
type Place int64

// Drawn is the place of everybody who joined before the draw, which orders them.
const Drawn Place = -1

// String is the place as Redis and place tokens have it.
func (p Place) String() string {
	if p == Drawn {
		return "d"
	}
	return strconv.FormatInt(int64(p), 10)
}

// ParsePlace is the inverse of String.
func ParsePlace(s string) (Place, error) {
	if s == "d" {
		return Drawn, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || s[0] == '+' || s[0] == '0' {
		return 0, errPlace
	}
	return Place(n), nil
}

var errPlace = errors.New("place: want d or a number from 1 on")

// Position is where a place in turn stands in the whole line, from 1 on: behind all who were
// drawn. It is 0 for a drawn place, and before the draw.
func (l *Line) Position(p Place) int64 {
	if p < 1 || !l.Over {
		return 0
	}
	return l.Drawn + int64(p)
}

// Proof is what a place token proves of the buyer whose it is.
type Proof struct {
	Place Place
	Nonce [32]byte // by which the buyer's entry in the draw can be computed
}

// Turn is where a place stands, and whether its turn has come.
type Turn struct {
	Position int64 // from 1 on; 0: not known, or not drawn yet
	Front    int64
	Come     bool
	Late     bool  // the buyer came too long after the turn, and waits in the late line
	Ahead    int64 // how many of the late line are called first
}

// Seen is the turn as a claim has met it that was refused as [NotYourTurn]. Who waits although the
// front has passed the position is late.
func (t Turn) Seen(d Decision) Turn {
	t.Come, t.Front = false, d.Front
	if t.Late = t.Position > 0 && t.Position <= d.Front; t.Late {
		t.Ahead = d.Ahead
	}
	return t
}

// Placement is a buyer's place.
type Placement struct {
	Buyer Buyer
	Place Place
}

// Join is a buyer's wish for a place in a line.
type Join struct {
	Buyer Buyer
	Proof Place // the place that the buyer has proof of; 0: none
	// Sure: the draw, which has taken place, has the buyer. Once the line is frozen for the draw, no other
	// drawn place that is lost comes back.
	Sure bool
}

// JoinOutcome is what became of it.
type JoinOutcome uint8

// The outcomes of a join.
const (
	NoJoin     JoinOutcome = iota // beside an error; never an answer
	Joined                        // a new place
	Rejoined                      // the place of before
	LineFull                      // all places are taken
	LineClosed                    // the sale is over
	LineBusy                      // too many wait to join, or where the buyer was drawn is not known yet
)

// Placed is where a buyer stands.
type Placed struct {
	Outcome JoinOutcome
	Place   Place // of Joined and Rejoined
	Line    Line  // as it is since
}
