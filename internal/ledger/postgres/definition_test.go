package postgres

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"onsale/internal/ledger"
	"onsale/internal/ledger/ledgertest"
	"onsale/internal/sale"
)

// every is a definition in which each field has a value of its own.
func every(t *testing.T, id sale.ID) sale.Sale {
	t.Helper()
	d := newSale(id, 100)
	d.Kind, d.FaceValue, d.Closed = sale.Voucher, 10_000, true
	v := reflect.ValueOf(d)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Fatalf("%s: the definition of these tests has none, so nobody knows whether it is recorded", v.Type().Field(i).Name)
		}
	}
	return d
}

func TestEveryFieldOfADefinitionIsRecorded(t *testing.T) {
	s, id := openStore(t, ledgertest.Server.URL()), newID()
	e := opened(every(t, id))
	for range 2 { // recorded again, it is the same
		commit(t, s, id, e)
		wantRecords(t, s, id, applied(e))
	}
}

func TestAnyOtherFieldIsAContradiction(t *testing.T) {
	s, id := openStore(t, ledgertest.Server.URL()), newID()
	d := every(t, id)
	commit(t, s, id, opened(d))
	for i := range reflect.ValueOf(d).NumField() {
		name, other := reflect.TypeOf(d).Field(i).Name, d
		switch v := reflect.ValueOf(&other).Elem().Field(i); {
		case name == "ID" || name == "Closed":
			continue
		case name == "Kind":
			other.Kind = sale.Product
		case name == "Currency":
			other.Currency = "USD"
		case v.CanInt():
			v.SetInt(v.Int() + 1_000_000) // a millisecond, of a duration
		default:
			v.SetString(v.String() + "\x00")
		}
		if err := s.Commit(context.Background(), id, 1, ledger.Fold([]sale.Event{opened(other)})); !errors.Is(err, ledger.ErrRefused) {
			t.Errorf("another %s: got %v, want %v", name, err, ledger.ErrRefused)
		}
	}
}

// recordedSQL is a sale as the version before subtitles wrote it.
const recordedSQL = `
INSERT INTO sales (id, title, kind, price, currency, face_value, rules, per_buyer, hold_ms, opens_at, closes_at, opened_total, closed, closed_changed_at)
VALUES ('spring', 'Voucher', 'voucher', 7500, 'EUR', 10000, 'Once.', 4, 90250, '2023-11-14 22:13:20.123Z', NULL, 100, true, '2023-11-14 22:13:20.001Z')`

// TestASaleOfTheLastVersionIsKnown: its database is migrated, and its opening may still
// stand in the stream, without the fields that came since.
func TestASaleOfTheLastVersionIsKnown(t *testing.T) {
	ctx, to := context.Background(), database(t)
	s := openStore(t, to)
	migrateTo(t, to, 1)
	if _, err := s.pool.Exec(ctx, recordedSQL); err != nil {
		t.Fatal(err)
	}
	if err := Migrate(ctx, to); err != nil {
		t.Fatal(err)
	}
	d := sale.Sale{
		ID: "spring", Title: "Voucher", Kind: sale.Voucher, Price: 7500, Currency: "EUR", FaceValue: 10_000, Rules: "Once.", Total: 100,
		Opens: 1_700_000_000_123, Limit: 4, HoldFor: 90_250 * time.Millisecond, Closed: true,
	}
	wantRecords(t, s, d.ID, applied(opened(d)))
	commit(t, s, d.ID, opened(d))
	wantRecords(t, s, d.ID, applied(opened(d)))
	t.Run("and a ledger of that version still records", func(t *testing.T) {
		if _, err := s.pool.Exec(ctx, strings.Replace(recordedSQL, "'spring'", "'summer'", 1)); err != nil {
			t.Error(err)
		}
	})
}

// migrateTo makes the schema of an older version.
func migrateTo(t *testing.T, url string, version int64) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(context.Background(), version); err != nil {
		t.Fatal(err)
	}
}
