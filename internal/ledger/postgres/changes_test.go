package postgres

import (
	"context"
	"testing"

	"onsale/internal/sale"
)

// TestAChangeOfTermsIsRecorded: as the sale's definition, and in the history of its changes.
// Committing it again changes nothing.
func TestAChangeOfTermsIsRecorded(t *testing.T) {
	ctx := context.Background()
	s, id := openStore(t, databaseLike(t, template)), newID()
	d := newSale(id, 100)
	first, second := d, d
	first.Title, first.Price = "Postponed\x00", 1
	second.Title, second.Closes, second.Lapses = "Moved", 0, 9
	events := []sale.Event{
		opened(d),
		{ID: "2-0", At: start + 1, Mark: sale.Mark{Epoch: 1, Seq: 2}, Changed: &first},
		{ID: "3-0", At: start + 2, Mark: sale.Mark{Epoch: 1, Seq: 3}, Changed: &second},
	}
	for _, test := range []struct {
		name    string
		batches [][]sale.Event
	}{
		{"in one batch", [][]sale.Event{events}}, {"again", [][]sale.Event{events}},
		{"without the opening", [][]sale.Event{events[1:]}}, {"one by one", [][]sale.Event{events[1:2], events[2:]}},
	} {
		for _, batch := range test.batches {
			commit(t, s, id, batch...)
		}
		wantRecords(t, s, id, applied(events...))
		var rows int
		var title string
		err := s.pool.QueryRow(ctx, `SELECT count(*), max(definition->>'title') FILTER (WHERE seq = 3) FROM changes WHERE sale = $1`, id).Scan(&rows, &title)
		if err != nil || rows != 2 || title != "Moved" {
			t.Errorf("%s: got %d changes, the last to %q, %v, want 2 and Moved", test.name, rows, title, err)
		}
	}
}
