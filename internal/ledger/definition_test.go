package ledger

import (
	"context"
	"errors"
	"reflect"
	"testing"

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
	s, id := openStore(t, server.URL()), newID()
	e := opened(every(t, id))
	for range 2 { // recorded again, it is the same
		commit(t, s, id, e)
		wantRecords(t, s, id, applied(e))
	}
}

func TestAnyOtherFieldIsAContradiction(t *testing.T) {
	s, id := openStore(t, server.URL()), newID()
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
		if err := s.Commit(context.Background(), id, 1, Fold([]sale.Event{opened(other)})); !errors.Is(err, ErrRefused) {
			t.Errorf("another %s: got %v, want %v", name, err, ErrRefused)
		}
	}
}
