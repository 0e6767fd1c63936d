package reconcile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/reconcile"
	"onsale/internal/sale"
)

// TestNoPlaceIsLost: those of both records stay, and where a buyer has two, that of the record that goes further.
func TestNoPlaceIsLost(t *testing.T) {
	side := func(seq int64, places map[sale.Buyer]sale.Place) *reconcile.Side {
		r := sale.NewRecords()
		r.Sale, r.Opened, r.Places = sale.Sale{ID: "s", Total: 10}, 10, places
		return &reconcile.Side{Records: r, Chain: sale.Chain{Life: "life", Mark: sale.Mark{Epoch: 1, Seq: seq, Link: "link"}}, Selling: true}
	}
	redis := map[sale.Buyer]sale.Place{"ann": 1, "bob": 2}
	ledger := map[sale.Buyer]sale.Place{"ann": 1, "bob": 7, "cem": sale.Drawn}
	for name, c := range map[string]struct {
		in   reconcile.Input
		want map[sale.Buyer]sale.Place
		text string
	}{
		"Redis is empty":          {reconcile.Input{Ledger: side(5, ledger)}, ledger, "3 have joined the line; Redis lacks 3 of their places, the ledger 0"},
		"the ledger is empty":     {reconcile.Input{Redis: side(5, redis)}, redis, "2 have joined the line; Redis lacks 0 of their places, the ledger 2"},
		"Redis goes further":      {reconcile.Input{Redis: side(6, redis), Ledger: side(5, ledger)}, map[sale.Buyer]sale.Place{"ann": 1, "bob": 2, "cem": sale.Drawn}, "Redis lacks 1 of their places, the ledger 1"},
		"the ledger goes further": {reconcile.Input{Redis: side(4, redis), Ledger: side(5, ledger)}, ledger, "Redis lacks 2 of their places, the ledger 0"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := reconcile.Make(c.in, reconcile.Decisions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, p.Records.Places); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			if !strings.Contains(p.String(), c.text) {
				t.Errorf("got the plan\n%s\nwithout %q", p, c.text)
			}
		})
	}
	if len(redis) != 2 || len(ledger) != 3 {
		t.Error("what was read has changed with the plan")
	}
}
