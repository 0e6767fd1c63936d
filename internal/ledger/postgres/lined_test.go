package postgres

import (
	"testing"

	"onsale/internal/sale"
)

// TestTheLineIsRecorded: the front never falls and a draw is taken once, whatever order events and unions
// come in.
func TestTheLineIsRecorded(t *testing.T) {
	s, id := sold(t)
	want := func(l sale.LineRecord) {
		t.Helper()
		if got := book(t, s, id); got.Lined != l || got.Unreadable != 0 {
			t.Errorf("got %+v and %d unreadable entries, want %+v", got.Lined, got.Unreadable, l)
		}
	}
	want(sale.LineRecord{})
	commit(t, s, id, sale.Event{ID: "2-0", At: start, Lined: sale.LineRecord{Frozen: true, Drawn: 0}})
	want(sale.LineRecord{Frozen: true})
	commit(t, s, id, sale.Event{ID: "3-0", At: start, Lined: sale.LineRecord{List: "11"}}, sale.Event{ID: "4-0", At: start, Lined: sale.LineRecord{BeaconValue: "v"}},
		sale.Event{ID: "5-0", At: start, Lined: sale.LineRecord{Front: 7}})
	want(sale.LineRecord{Front: 7, Frozen: true, List: "11", BeaconValue: "v"})
	commit(t, s, id, sale.Event{ID: "6-0", At: start, Lined: sale.LineRecord{Front: 6, Frozen: true, Drawn: 2, List: "12", BeaconValue: "w"}})
	want(sale.LineRecord{Front: 7, Frozen: true, List: "11", BeaconValue: "v"})
	r := book(t, s, id).Records
	r.Lined.Front = 9
	unite(t, s, id, r)
	want(r.Lined)
}
