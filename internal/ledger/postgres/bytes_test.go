package postgres

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

// TestAnyBytesAreKept: Redis holds bytes, and a value that PostgreSQL refused would keep its
// sale's orders out for ever.
func TestAnyBytesAreKept(t *testing.T) {
	s, id := openStore(t, ledgertest.Server.URL()), newID()
	odd := "\xff\x80 \\x41 '; DROP é\xc3 \xed\xa0\x80"
	d := newSale(id, 100)
	d.Title, d.Rules, d.Opens, d.Closes = odd+"\x00", "\x00"+odd, 0, 0
	o := newOrder(odd, start)
	events := []sale.Event{opened(d), entry(1, o, newOrder("plain", start)), {ID: "3-0", At: start, Restock: &sale.Restock{Key: odd + "\x00", Delta: 1}}}
	commit(t, s, id, events...)
	wantRecords(t, s, id, applied(events...))
}

func TestUnreadableIsQuarantinedOnce(t *testing.T) {
	s, id := sold(t)
	good, bad := newOrder("ada", start), newOrder("bob\xff", start)
	bad.State = "sold\x00"
	e := entry(3, good, bad)
	e.Fault, e.Raw = "a field is \x00 torn", "[\"\xff\x00\"]"
	later := entry(4, newOrder("later", start))
	for range 2 {
		commit(t, s, id, e, later)
	}
	if b := book(t, s, id); b.Unreadable != 1 || len(b.Orders) != 2 {
		t.Errorf("got %d quarantined and %d orders, want 1 and the 2 good ones", b.Unreadable, len(b.Orders))
	}
	var name string
	var content, fault []byte
	row := s.pool.QueryRow(context.Background(), `SELECT entry, content, fault FROM unreadable WHERE sale = $1`, id)
	if err := row.Scan(&name, &content, &fault); err != nil {
		t.Fatal(err)
	}
	want := []string{"4-0", e.Raw + "\n" + fmt.Sprintf("%#v", bad), e.Fault + `; order "` + string(bad.ID) + `": no state is called "sold\x00"`}
	if diff := cmp.Diff(want, []string{name, string(content), string(fault)}); diff != "" {
		t.Errorf("quarantined (-want +got):\n%s", diff)
	}
}
