package postgres

import (
	"context"
	"os"
	"testing"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

func TestMain(m *testing.M) { os.Exit(ledgertest.Main(m, Migrate)) }

// What these tests share with those of package ledger.
const (
	start    = ledgertest.Start
	template = ledgertest.Template
)

var (
	newID, newOrderID, newSale   = ledgertest.NewID, ledgertest.NewOrderID, ledgertest.NewSale
	newOrder, newPayment, in     = ledgertest.NewOrder, ledgertest.NewPayment, ledgertest.In
	opened, entry, applied       = ledgertest.Opened, ledgertest.Entry, ledgertest.Applied
	database, databaseLike, with = ledgertest.Database, ledgertest.DatabaseLike, ledgertest.With
)

var (
	states = []sale.State{sale.StateHeld, sale.StatePaid, sale.StateExpired, sale.StateCancelled, sale.StateRefunded}
	// steps are a payment's states in their only order.
	steps = []sale.PaymentState{sale.PaymentApplied, sale.PaymentDue, sale.PaymentSettled}
)

type tester = ledgertest.T

func openStore(t testing.TB, url string) *Store {
	t.Helper()
	s, err := Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// sold is a store with a sale of a hundred tickets in it.
func sold(t testing.TB) (*Store, sale.ID) {
	t.Helper()
	s, id := openStore(t, ledgertest.Server.URL()), newID()
	commit(t, s, id, opened(newSale(id, 100)))
	return s, id
}

func commit(t testing.TB, s *Store, id sale.ID, events ...sale.Event) {
	t.Helper()
	if err := s.Commit(context.Background(), id, 1, ledger.Fold(events)); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func book(t tester, s *Store, id sale.ID) sale.Book { t.Helper(); return ledgertest.Book(t, s, id) }

func wantRecords(t tester, s *Store, id sale.ID, want sale.Records) {
	t.Helper()
	ledgertest.WantRecords(t, s, id, want)
}

func wantChain(t tester, s *Store, id sale.ID, want sale.Chain) {
	t.Helper()
	if got, err := s.Chain(context.Background(), id); err != nil || got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}
