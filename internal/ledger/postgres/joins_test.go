package postgres

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

// TestPlacesAreRecorded: by events, which may come again, and by unions, of which the last counts.
func TestPlacesAreRecorded(t *testing.T) {
	s, id := sold(t)
	want := map[sale.Buyer]sale.Place{}
	check := func() {
		t.Helper()
		if diff := cmp.Diff(want, book(t, s, id).Places); diff != "" {
			t.Errorf("places (-want +got):\n%s", diff)
		}
	}
	joins := func(from, to int, place func(int) sale.Place) (list []sale.Placement) {
		for i := from; i < to; i++ {
			j := sale.Placement{Buyer: sale.Buyer(fmt.Sprintf("buyer %d ä", i)), Place: place(i)}
			list, want[j.Buyer] = append(list, j), j.Place
		}
		return list
	}
	drawn := func(int) sale.Place { return sale.Drawn }
	own := func(i int) sale.Place { return sale.Place(i + 1) }
	commit(t, s, id, sale.Event{ID: "2-0", At: start, Joins: joins(0, 2, drawn)}, sale.Event{ID: "3-0", At: start, Joins: joins(2, 3, drawn)})
	check()
	for range 2 {
		commit(t, s, id, sale.Event{ID: "4-0", At: start, Joins: joins(3, 9, own)})
		check()
	}
	r := book(t, s, id).Records.Clone()
	more := joins(9, 2*joinsAtOnce+20, own)
	more = append(more, joins(4, 6, func(i int) sale.Place { return sale.Place(100_000 + i) })...)
	r.Place(more)
	unite(t, s, id, r)
	check()
	unite(t, s, id, r)
	check()
	var rows int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM joins WHERE sale = $1 AND seq < 0`, id).Scan(&rows); err != nil || rows != 3 {
		t.Errorf("got %d rows of two unions, %v, want 3: the second has nothing to add", rows, err)
	}
	if _, err := s.pool.Exec(t.Context(), `UPDATE joins SET places = 'ann' WHERE sale = $1`, id); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Book(t.Context(), id); err == nil {
		t.Errorf("got %d places of malformed rows, want an error", len(b.Places))
	}
}
