package audit_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"onsale/internal/audit"
	"onsale/internal/sale"
)

// inTurn has a sale sell in turn what its stream shows: ann, bob and cid stand in this order behind
// two who were drawn, and the front moves on as step returns it.
func inTurn(s *sale.Snapshot, step func() int64) {
	s.Sale.Admission = sale.AdmitLine
	s.Places = map[sale.Buyer]sale.Place{"ann": 1, "bob": 2, "cid": 3}
	s.Line = &sale.Line{Joined: 1000, Drawn: 2, Over: true, Turn: 998}
	for i := range s.Stream {
		e := &s.Stream[i]
		if !takes(*e) {
			continue
		}
		s.Line.Front += step()
		for _, o := range e.Orders {
			place := s.Line.Position(s.Places[o.Buyer])
			e.Places, s.Line.Front = append(e.Places, place), max(s.Line.Front, place)
		}
		e.Lined.Front = s.Line.Front
	}
}

// takes reports whether the event takes orders.
func takes(e sale.Event) bool {
	return slices.ContainsFunc(e.Orders, sale.Order.Taken) && len(e.Payments) == 0
}

// TestARandomOrderOutOfTurnIsAFault: whatever the orders' places deviate in.
func TestARandomOrderOutOfTurnIsAFault(t *testing.T) {
	found := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		s := random(t).snapshot(0)
		inTurn(&s, func() int64 { return rapid.Int64Range(0, 3).Draw(t, "step") })
		if got := audit.Stock(s); len(got) > 0 {
			t.Fatalf("got faults %q of a sound line, want none", got)
		}
		var taking []int
		for i, e := range s.Stream {
			if takes(e) {
				taking = append(taking, i)
			}
		}
		if len(taking) == 0 {
			return
		}
		e := &s.Stream[rapid.SampledFrom(taking).Draw(t, "event")]
		i := rapid.IntRange(0, len(e.Orders)-1).Draw(t, "order")
		how := rapid.SampledFrom([]string{"beyond", "none", "lost", "another's", "fell", "front"}).Draw(t, "deviation")
		switch how {
		case "beyond":
			delete(s.Places, e.Orders[i].Buyer) // or that alone would be found
			e.Places[i] = e.Lined.Front + rapid.Int64Range(1, 100).Draw(t, "by")
		case "none":
			e.Places[i] = 0
		case "lost":
			if e.Places = e.Places[:i]; i == 0 && e.Orders[0].State != sale.StateHeld {
				return // free orders look like those that are known to be paid
			}
		case "another's":
			e.Places[i] = (e.Places[i]-2)%3 + 3
			e.Lined.Front = max(e.Lined.Front, e.Places[i])
			s.Line.Front = max(s.Line.Front, e.Lined.Front)
		case "fell":
			s.Stream = append(s.Stream, sale.Event{ID: "9-9", Lined: sale.LineRecord{Front: s.Line.Front - 1}})
		case "front":
			s.Line.Front--
		}
		if got := audit.Stock(s); len(got) == 0 {
			t.Errorf("%s: got no fault of event %+v, want some", how, *e)
		}
		found[how]++
	})
	if len(found) < 6 {
		t.Errorf("tried %v, want every deviation", found)
	}
}

func TestTurns(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Snapshot)
		want   []string
	}{
		"in turn":             {func(*sale.Snapshot) {}, nil},
		"whose line is drawn": {func(s *sale.Snapshot) { s.Places = map[sale.Buyer]sale.Place{"ann": sale.Drawn, "bob": sale.Drawn} }, nil},
		"open to all": {func(s *sale.Snapshot) {
			s.Sale.Admission, s.Line, s.Places, s.Stream[1].Places = sale.AdmitAll, nil, nil, nil
		}, nil},
		"before the turn": {func(s *sale.Snapshot) { s.Stream[1].Lined.Front = 4 },
			[]string{`line: order c was taken at place 5, and the front was 4`}},
		"without a place": {func(s *sale.Snapshot) { s.Stream[1].Places = []int64{3, 4} },
			[]string{`line: order c was taken without a place`}},
		"by another's place": {func(s *sale.Snapshot) { delete(s.Places, "bob"); s.Stream[1].Places[1] = 3 },
			[]string{`line: order b of "bob" was taken at place 3, which is that of "ann"`}},
		"by a place of its own that it does not have": {func(s *sale.Snapshot) { s.Stream[1].Places[2] = 1 },
			[]string{`line: order c of "cid" was taken at place 1, and its buyer has 5`}},
		"with a place too many": {func(s *sale.Snapshot) { s.Stream[1].Places = []int64{3, 4, 5, 2} },
			[]string{`line: stream entry \S+ has 4 places of 3 orders`}},
		"whose front fell": {func(s *sale.Snapshot) { s.Stream[2].Lined.Front = 4 },
			[]string{`line: the front fell from 5 to 4 at stream entry \S+`}},
		"whose front was lost": {func(s *sale.Snapshot) { s.Line.Front = 2 }, []string{`line: the front is 2, and was 5 in the stream`}},
	} {
		t.Run(name, func(t *testing.T) {
			h := opened(1000)
			h.hold(claim("a", "ann", 1), claim("b", "bob", 2), claim("c", "cid", 3))
			h.pay("pb", "b", 2)
			s := h.snapshot(0)
			inTurn(&s, func() int64 { return 0 })
			c.change(&s)
			wantFaults(t, audit.Stock(s), c.want...)
		})
	}
}
