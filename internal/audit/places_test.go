package audit_test

import (
	"testing"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

func TestPlaces(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		want   []string
	}{
		"a sound line":               {func(*sale.Snapshot) {}, nil},
		"one whose draw is to come":  {func(s *sale.Snapshot) { *s.Line = sale.Line{Joined: 4, Turn: 2} }, nil},
		"one that others join":       {func(s *sale.Snapshot) { s.Line.Joined, s.Line.Turn = 9, 7 }, nil},
		"places that were lost":      {func(s *sale.Snapshot) { delete(s.Places, "ann"); delete(s.Places, "cid") }, nil},
		"all admitted":               {func(s *sale.Snapshot) { s.Line.Front = 4 }, nil},
		"an ordinal given twice":     {func(s *sale.Snapshot) { s.Places["dan"] = 1 }, []string{`line: the place 1 is that of "cid" and of "dan"`}},
		"an ordinal beyond the last": {func(s *sale.Snapshot) { s.Places["dan"] = 3 }, []string{`line: the place 3 of "dan" is beyond the last that was given, 2`}},
		"one drawn too many":         {func(s *sale.Snapshot) { s.Line.Drawn = 1 }, []string{`line: 2 buyers joined before the draw, which had 1`}},
		"a place that is not counted": {func(s *sale.Snapshot) { s.Line.Joined = 3; s.Line.Front = 3 },
			[]string{`line: 4 places are taken, 3 are counted`}},
		"a front beyond all": {func(s *sale.Snapshot) { s.Line.Front = 5 }, []string{`line: the front is at 5 of 4 places`}},
		"places of no line":  {func(s *sale.Snapshot) { s.Line = nil }, []string{`line: 4 places, and the sale has no line`}},
	} {
		t.Run(name, func(t *testing.T) {
			s := eventfulSale().read()
			s.Line = &sale.Line{Joined: 4, Drawn: 2, Over: true, Turn: 2, Front: 1}
			s.Places = map[sale.Buyer]sale.Place{"ann": sale.Drawn, "bob": sale.Drawn, "cid": 1, "dan": 2}
			c.change(&s)
			wantFaults(t, audit.Stock(s), c.want...)
		})
	}
}
