package sale

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// every is a definition in which each field of the table has a value of its own.
func every() Sale {
	return Sale{
		ID: "spring", Title: "Voucher \xff\x00", Subtitle: "for spring", Lapses: 3, Kind: Voucher, Price: 7500, Currency: "EUR", FaceValue: 10_000, Rules: "Once.\n раз",
		Total: MaxTotal, Opens: 1_700_000_000_123, Closes: MaxInstant, Limit: 4, HoldFor: 90*time.Second + 250*time.Millisecond,
		Admission: AdmitLine, DrawAt: 1_600_000_000_123, LineRate: 500, LineLimit: 1_000_000, ProofEasy: 30_000, Beacon: "drand quicknet 7", LineSecret: "0a", LineSeed: "0b", PayURL: "https://pay.example/{order}",
	}
}

// in looks names up in names and values in turn.
func in(pairs []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

func TestADefinitionSurvivesItsRecord(t *testing.T) {
	for name, want := range map[string]Sale{"every field": every(), "none": {}} {
		pairs := append(want.Encode(), "of a later version", "?")
		got, err := DecodeSale(in(pairs))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: got %v (-want +got):\n%s", name, err, diff)
		}
	}
	closed := every()
	closed.Closed = true
	if diff := cmp.Diff(every().Encode(), closed.Encode()); diff != "" {
		t.Errorf("a closed sale's record differs (-open +closed):\n%s", diff)
	}
}

// A field that the table forgets would be lost on its way through Redis.
func TestEveryFieldIsInTheTable(t *testing.T) {
	v := reflect.ValueOf(every())
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Field(i).IsZero() && name != "Closed" {
			t.Errorf("%s: the definition of these tests has none, so nobody knows whether it survives", name)
		}
	}
	var names []string
	for i, text := range every().Encode() {
		if i%2 == 0 {
			names = append(names, text)
		}
	}
	if diff := cmp.Diff(FieldNames(), names); diff != "" {
		t.Errorf("names (-FieldNames +Encode):\n%s", diff)
	}
}

func TestEveryFaultOfARecordIsNamed(t *testing.T) {
	got, err := DecodeSale(in([]string{"id", "s", "price", "many", "hold", "1e3", "title", "Concert"}))
	for _, want := range []string{"lacks kind", "lacks currency", "lacks opened", `price is no number: "many"`, `hold is no number: "1e3"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
	if got.ID != "s" || got.Title != "Concert" {
		t.Errorf("got %+v, want what could be read", got)
	}
}

// Records of older versions lack optional fields, and must equal those of the same
// definition that have them.
func TestAnOptionalFieldMayBeMissing(t *testing.T) {
	f := optional(number("price", 1, func(s *Sale) *int64 { return &s.Price }))
	for want, text := range map[int64]string{0: "", 7: "7"} {
		if got := f.encode(&Sale{Price: want}); got != text {
			t.Errorf("price %d: got %q, want %q", want, got, text)
		}
		var s Sale
		if err := f.decode(&s, text); err != nil || s.Price != want {
			t.Errorf("%q: got %d, %v, want %d", text, s.Price, err, want)
		}
	}
	pairs := every().Encode()
	for _, f := range fields {
		i := slices.Index(pairs, f.name)
		got, err := DecodeSale(in(slices.Delete(slices.Clone(pairs), i, i+2)))
		if (err == nil) != f.optional {
			t.Errorf("without %s: got %v, want a fault: %v", f.name, err, !f.optional)
		}
		if want := (Sale{}).Encode()[i+1]; got.Encode()[i+1] != want {
			t.Errorf("without %s: got %q, want %q", f.name, got.Encode()[i+1], want)
		}
	}
}
