package ledger

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

func TestMain(m *testing.M) { os.Exit(ledgertest.Main(m, Postgres.Migrate)) }

// Postgres is package postgres. It imports this package, so that the tests here can't import
// it; those of package ledger_test can, and fill it in.
var Postgres struct {
	Open    func(ctx context.Context, url string) (RealStore, error)
	Migrate func(ctx context.Context, url string) error
}

// RealStore is the store of package postgres.
type RealStore interface {
	Store
	Record
	Close()
}

// database is a real store, and a way to change its tables that no ledger takes.
type database struct {
	RealStore
	pool *pgxpool.Pool
}

func openStore(t testing.TB, url string) *database {
	t.Helper()
	s, err := Postgres.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return &database{s, pool}
}

// ownStore is a store of a database of its own: a ledger reads every sale that it finds there.
func ownStore(t testing.TB) *database {
	t.Helper()
	return openStore(t, ledgertest.DatabaseLike(t, ledgertest.Template))
}

// What these tests share with those of package postgres.
const start = ledgertest.Start

var (
	newID, newOrderID, newSale = ledgertest.NewID, ledgertest.NewOrderID, ledgertest.NewSale
	newOrder, newPayment, in   = ledgertest.NewOrder, ledgertest.NewPayment, ledgertest.In
	opened, entry              = ledgertest.Opened, ledgertest.Entry
)

type tester = ledgertest.T

func book(t tester, s Record, id sale.ID) sale.Book { t.Helper(); return ledgertest.Book(t, s, id) }

func wantRecords(t tester, s Record, id sale.ID, want sale.Records) {
	t.Helper()
	ledgertest.WantRecords(t, s, id, want)
}
