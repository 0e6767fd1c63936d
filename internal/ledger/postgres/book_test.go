package postgres

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// TestBookAgreesWithRecords commits generated histories of a sale to the ledger, in batches of
// any size and with any part repeated, and compares the book with the model.
func TestBookAgreesWithRecords(t *testing.T) {
	s := openStore(t, ledgertest.Server.URL())
	rapid.Check(t, func(t *rapid.T) {
		id := newID()
		h := newHistory(id, 0)
		for n := range rapid.IntRange(0, 30).Draw(t, "length") {
			h.Now++
			if err := step(t, h.Sale, n); err != nil && !errors.Is(err, sale.ErrConflict) {
				t.Fatal(err)
			}
		}
		events := h.Events()
		for from := 0; from < len(events); {
			to := rapid.IntRange(from+1, len(events)).Draw(t, "batch ends")
			// Part of what was committed comes again, as after a crash: from any entry on,
			// but the rest of the stream always follows.
			again := rapid.IntRange(0, from).Draw(t, "again from")
			if again > 0 || from == 0 || rapid.Bool().Draw(t, "all again") {
				from = again
			}
			if err := s.Commit(t.Context(), id, 1, ledger.Fold(events[from:to])); err != nil {
				t.Fatalf("entries %d to %d: %v", from, to, err)
			}
			from = to
		}
		got, err := s.Book(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(h.Records(), got.Records); diff != "" {
			t.Fatalf("book (-naive +got):\n%s", diff)
		}
		if diff := cmp.Diff(changed(events), got.Changed); diff != "" {
			t.Fatalf("when the states came (-naive +got):\n%s", diff)
		}
	})
}

// step makes one call that may append an event; n makes its names.
func step(t *rapid.T, m *model.Sale, n int) error {
	buyer := sale.Buyer(rapid.SampledFrom([]string{"ada", "b\xff b", "cy"}).Draw(t, "buyer"))
	o, err := m.OrderOf(buyer)
	if err != nil {
		o = sale.Order{}
	}
	switch call := rapid.SampledFrom([]string{"hold", "end", "end", "end", "restock", "close"}).Draw(t, "call"); {
	case call == "restock":
		_, err = m.Restock(int64(n+1), fmt.Sprint("key\x00", n))
	case call == "close":
		err = m.SetClosed(!m.Definition().Closed)
	case o.State == "":
		claims := []sale.Claim{{Order: newOrderID(), Buyer: buyer, Quantity: 2}}
		if rapid.Bool().Draw(t, "with another") {
			claims = append(claims, sale.Claim{Order: newOrderID(), Buyer: sale.Buyer(fmt.Sprint("buyer-", n)), Quantity: 1})
		}
		_, err = m.Decide(claims, false)
	case o.State == sale.StatePaid:
		_, err = m.Refund(o.ID)
	default:
		switch rapid.SampledFrom([]sale.State{sale.StatePaid, sale.StateExpired, sale.StateCancelled}).Draw(t, "end") {
		case sale.StatePaid:
			_, err = m.Pay(newPayment(o, fmt.Sprint("pay_", n), 0))
		case sale.StateExpired:
			_, err = m.Expire(o.ID)
		case sale.StateCancelled:
			_, err = m.Cancel(o.ID, buyer)
		}
	}
	return err
}

// changed is when each order came to its last state.
func changed(events []sale.Event) map[sale.OrderID]sale.Instant {
	at := map[sale.OrderID]sale.Instant{}
	for _, e := range events {
		for _, o := range e.Orders {
			at[o.ID] = e.At
		}
	}
	return at
}
