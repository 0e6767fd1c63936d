package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testExport exports the orders of lively, see there.
func testExport(t *testing.T, r *records, held map[string]string) {
	file := filepath.Join(t.TempDir(), "orders.csv")
	if out, errs, err := verb("order", "export", "demo", "--config", r.stores, "-o", file); err != nil || out+errs != "" {
		t.Fatalf("got %v, %q and %q", err, out, errs)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(records) != 7 || strings.Count(string(text), "\r\n") != 7 {
		t.Fatalf("got %v and %q, want seven records", err, text)
	}
	header := []string{"order", "sale", "buyer", "quantity", "state", "created_at", "expires_at", "changed_at", "payment", "paid_at", "received", "due", "returned", "currency"}
	if diff := cmp.Diff(header, records[0]); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	got := map[string]string{}
	for _, fields := range records[1:] {
		if fields[0] != held[fields[2]] {
			t.Errorf("got the order %s of %s, want %s", fields[0], fields[2], held[fields[2]])
		}
		for _, at := range append([]string{fields[5], fields[6], fields[7]}, strings.Fields(fields[9])...) {
			if when, err := time.Parse(time.RFC3339, at); err != nil || time.Since(when).Abs() > 24*time.Hour {
				t.Errorf("got the time %q: %v", at, err)
			}
		}
		if (fields[8] == "") != (fields[9] == "") {
			t.Errorf("got payment %q at %q", fields[8], fields[9])
		}
		got[fields[2]] = strings.Join(append(append([]string{fields[1]}, fields[3], fields[4], fields[8]), fields[10:]...), " ")
	}
	want := map[string]string{
		"ann": "demo 1 held  0 0 0 EUR", "bob": "demo 2 held  0 0 0 EUR", "cid": "demo 1 cancelled  100 100 0 EUR", "fay": "demo 2 held  0 0 0 EUR",
		"dan": "demo 2 paid pay_dan 400 0 200 EUR", "eve": "demo 1 refunded pay_eve 100 100 0 EUR",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Run("to standard output the same", func(t *testing.T) {
		t.Setenv("ONSALE_DATABASE_URL", r.Postgres.URL())
		if out, _, err := verb("order", "export", "demo"); err != nil || out != string(text) {
			t.Errorf("got %v and %q, want %q", err, out, text)
		}
	})
	t.Run("of a sale that nobody knows nothing", func(t *testing.T) {
		out, _, err := verb("order", "export", "nobodys", "--config", r.stores)
		if exitStatus(err) != exitFailed || out != "" || !strings.Contains(err.Error(), "nobodys") {
			t.Errorf("got %v and %q, want a failure", err, out)
		}
	})
}

func TestAnExportNamesItsDatabase(t *testing.T) {
	t.Setenv("ONSALE_DATABASE_URL", "")
	if _, _, err := verb("order", "export", "demo"); exitStatus(err) != exitUsage || !strings.Contains(err.Error(), "ONSALE_DATABASE_URL") {
		t.Errorf("got %v, want a usage error that names the setting", err)
	}
}
