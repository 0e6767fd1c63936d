package draw_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/draw"
	"onsale/internal/line"
	"onsale/internal/sale"
)

// store is a line of so many who joined before the draw.
type store struct {
	line   sale.Line
	lost   int // of the places, that many are lost
	kept   map[int][]byte
	reads  int
	steps  []sale.DrawStep
	slow   time.Duration // that a place takes to be read
	busy   bool          // another one is at it
	noRoom bool
}

func (s *store) Draw(_ context.Context, _ sale.ID, step sale.DrawStep, value string) (sale.Line, error) {
	s.steps = append(s.steps, step)
	switch {
	case s.busy:
		return s.line, sale.ErrDrawing
	case step == sale.DrawFreeze:
		s.line.Over, s.line.Drawn = true, s.line.Joined
	case s.line.List == "":
		s.line.List = value
	case s.line.List != value:
		return s.line, sale.Conflict("another list")
	}
	return s.line, nil
}

func (s *store) DrawnPlaces(_ context.Context, _ sale.ID, each func(sale.Buyer)) error {
	s.reads++
	for i := s.line.Drawn; i > int64(s.lost); i-- {
		time.Sleep(s.slow)
		each(sale.Buyer(fmt.Sprint("b", i)))
	}
	return nil
}

func (s *store) KeepEntries(_ context.Context, _ sale.ID, list string, part int, entries []byte) error {
	if s.noRoom || list != s.line.List {
		return errors.New("no room")
	}
	if s.kept == nil {
		s.kept = map[int][]byte{}
	}
	s.kept[part] = slices.Clone(entries)
	return nil
}

func (s *store) Entries(_ context.Context, _ sale.ID, parts int, each func([]byte)) error {
	for part := 1; part <= parts; part++ {
		if p := s.kept[part]; p != nil {
			each(p)
		}
	}
	return nil
}

const joined = 2*sale.EntriesAtOnce + 7

func concert() *sale.Sale {
	return &sale.Sale{ID: "s", Admission: sale.AdmitLine, DrawAt: 1000, Opens: 61_000, LineSecret: sale.Secret(strings.Repeat("0a", 32)), LineSeed: sale.Secret(strings.Repeat("0b", 32))}
}

// published are the entries of the list as whoever verifies it computes them.
func published(t *testing.T, from int) []line.Entry {
	t.Helper()
	list, err := line.NewList("s", strings.Repeat("0a", 32))
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i <= joined; i++ {
		list.Add(fmt.Sprint("b", i))
	}
	return list.Sorted()
}

func taken(t *testing.T) *store {
	t.Helper()
	s := &store{line: sale.Line{Joined: joined}}
	l, err := draw.Take(t.Context(), s, concert(), 1000)
	if want := line.HashEntries(published(t, 1)).String(); err != nil || l.List != want || len(s.kept) != 3 {
		t.Fatalf("got %+v, %v and %d parts, want the list %s in 3", l, err, len(s.kept), want)
	}
	return s
}

// TestWhoWasDrawnIsKnownWithoutThePlaces: and by the kept list alone, nobody reads the places.
func TestWhoWasDrawnIsKnownWithoutThePlaces(t *testing.T) {
	entries := published(t, 1)
	want := line.NewDraw(line.Seed([]byte(strings.Repeat("\x0b", 32))), nil, entries)
	for name, c := range map[string]struct {
		change      func(*store)
		reads       int
		refused     bool
		keepsAgain  bool
		missesAgain bool
	}{
		"all is there":                         {change: func(*store) {}},
		"the places are lost":                  {change: func(s *store) { s.lost = joined }},
		"a part of the list is lost":           {change: func(s *store) { delete(s.kept, 2) }, reads: 1, keepsAgain: true},
		"another list is kept":                 {change: func(s *store) { s.kept[1][5]++ }, reads: 1, keepsAgain: true},
		"it is lost and there is no room":      {change: func(s *store) { s.kept, s.noRoom = nil, true }, reads: 1, missesAgain: true},
		"a part of both is lost":               {change: func(s *store) { s.kept, s.lost = nil, 1 }, reads: 1, refused: true},
		"there are places that were not drawn": {change: func(s *store) { s.kept, s.line.Drawn = nil, joined+1 }, reads: 1, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := taken(t)
			s.reads = 0
			c.change(s)
			l := s.line
			l.Drawn = joined
			d, missed, err := draw.Compute(t.Context(), s, concert(), &l)
			if c.refused != errors.Is(err, sale.ErrConflict) || (missed != nil) != c.missesAgain || s.reads != c.reads {
				t.Fatalf("got %v, %v after %d reads of the places", missed, err, s.reads)
			}
			if c.refused {
				return
			}
			for _, e := range entries[:50] {
				if got := d.Position(e); got == 0 || got != want.Position(e) {
					t.Errorf("got position %d, want %d", got, want.Position(e))
				}
			}
			if c.keepsAgain {
				s.lost, s.reads = joined, 0
				if _, _, err := draw.Compute(t.Context(), s, concert(), &l); err != nil || s.reads != 0 {
					t.Errorf("again: got %v after %d reads, want the list kept again", err, s.reads)
				}
			}
		})
	}
}

// TestAListIsPublishedWithAllWhoWereFrozen: a reconciliation brings lost places back. Once the sale is open
// nobody waits for them.
func TestAListIsPublishedWithAllWhoWereFrozen(t *testing.T) {
	s := &store{line: sale.Line{Joined: joined}, lost: 3}
	if l, err := draw.Take(t.Context(), s, concert(), 60_999); err == nil || l.List != "" {
		t.Errorf("got %+v, %v, want no list without three of the places", l, err)
	}
	want := line.HashEntries(published(t, 4)).String()
	if l, err := draw.Take(t.Context(), s, concert(), 61_000); err != nil || l.List != want {
		t.Errorf("once it is open: got %+v, %v, want the list of the others", l, err)
	}
}

// TestOneAtATimeReadsThePlaces: and shows that it is at it.
func TestOneAtATimeReadsThePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := &store{line: sale.Line{Joined: joined, Over: true, Drawn: joined}, busy: true}
		if _, err := draw.Take(context.Background(), other, concert(), 1000); err != nil || other.reads != 0 {
			t.Errorf("while another one is at it: got %v and %d reads, want none", err, other.reads)
		}
		s := &store{line: sale.Line{Joined: joined}, slow: 10 * time.Second / joined}
		if _, err := draw.Take(context.Background(), s, concert(), 1000); err != nil {
			t.Fatal(err)
		}
		if n := len(s.steps); n < 9 || n > 12 {
			t.Errorf("got %d steps in ten seconds, want one a second", n)
		}
	})
}

func TestTheDrawIsDueUntilItsListIsPublished(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sale.Sale, *sale.Line)
		now    sale.Instant
		want   bool
	}{
		"in time":                  {func(*sale.Sale, *sale.Line) {}, 1000, true},
		"early":                    {func(*sale.Sale, *sale.Line) {}, 999, false},
		"frozen":                   {func(_ *sale.Sale, l *sale.Line) { l.Over = true }, 1000, true},
		"published":                {func(_ *sale.Sale, l *sale.Line) { l.List = "11" }, 1000, false},
		"without a draw":           {func(s *sale.Sale, _ *sale.Line) { s.DrawAt = 0 }, 1000, false},
		"of a sale open to joined": {func(s *sale.Sale, _ *sale.Line) { s.Admission = sale.AdmitJoined }, 1000, false},
	} {
		s, l := concert(), &sale.Line{}
		c.change(s, l)
		if got := draw.Due(s, l, c.now); got != c.want {
			t.Errorf("%s: got due %v, want %v", name, got, c.want)
		}
	}
}
