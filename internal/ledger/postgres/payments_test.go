package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// A column that is forgotten would lose a field of every payment.
func TestEveryFieldOfAPaymentIsRecorded(t *testing.T) {
	s := openStore(t, ledgertest.Server.URL())
	id := newID()
	opened, want := newSale(id, 10), newPayment(newOrder("ada", start), "re_1", start)
	want.State, want.Reason, want.Of = sale.PaymentSettled, sale.ReasonReturned, "pay_1"
	model.Fill(t, &want)
	events := []sale.Event{{ID: "1-0", At: start, Opened: &opened}, {ID: "2-0", At: start, Payments: []sale.Payment{want}}}
	if err := s.Commit(t.Context(), id, 1, ledger.Fold(events)); err != nil {
		t.Fatal(err)
	}
	b, err := s.Book(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.Payments[want.ID]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
