package output

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jedib0t/go-pretty/v6/text"
)

var payments = []Column{
	{Title: "payment", Break: Anywhere}, {Title: "order", Break: Anywhere}, {Title: "amount in minor units", Break: AtWords, Number: true},
	{Title: "refunded", Number: true}, {Title: "state", Break: AtWords}, {Title: "at", Break: AtWords, Least: 20},
}

func TestATableIsAsWideAsItsTerminal(t *testing.T) {
	long := strings.Repeat("pay-0123456789/", 8)
	table := Table{Columns: payments, Rows: [][]string{
		{long, "01890a5d-ac96-774b-bcce-b302099a8057", "123456789012345 EUR", "300", "due (amount) of " + long, "2030-05-01T18:00:00Z (in 3y 154d)"},
		{"pay_1", "01890a5d-ac96-774b-bcce-b302099a8058", "4200 EUR", "", "due (late)", "2030-05-01T18:00:00Z (now)"},
		{"生命生命生命生命生命生命生命生命", "日本", "1 JPY", "1", "due", "2030-05-01T18:00:00Z (now)"},
	}}
	for _, width := range []int{80, 100, 132} {
		got := table.render(width)
		for line := range strings.Lines(got) {
			if n := text.StringWidth(strings.TrimSuffix(line, "\n")); n > width {
				t.Fatalf("got %d columns, want at most %d:\n%s", n, width, got)
			}
		}
		if !strings.Contains(got, "123456789012345") {
			t.Errorf("got:\n%s\nwant the amount whole", got)
		}
		if strings.Count(got, "2030-05-01T18:00:00Z") != 3 {
			t.Errorf("got:\n%s\nwant each time whole", got)
		}
	}
	if got := table.render(0); !strings.Contains(got, long) || !strings.Contains(got, "01890a5d-ac96-774b-bcce-b302099a8057") {
		t.Errorf("without a terminal: got:\n%s\nwant every id whole", got)
	}
}

func TestCOLUMNSBoundsATable(t *testing.T) {
	t.Setenv("COLUMNS", "40")
	var b bytes.Buffer
	err := New(&b, false).Document(nil, Fields(Field{"title", strings.Repeat("word ", 30)}, Field{"rules", ""}))
	if err != nil || strings.Contains(b.String(), "rules") {
		t.Errorf("got %v and:\n%s\nwant no field without a value", err, b.String())
	}
	for line := range strings.Lines(b.String()) {
		if n := text.StringWidth(strings.TrimSuffix(line, "\n")); n > 40 {
			t.Fatalf("got %d columns, want at most 40:\n%s", n, b.String())
		}
	}
}

// A buyer's name could clear the operator's terminal, or show another one.
func TestNothingObeysWhatABuyerIsCalled(t *testing.T) {
	for given, want := range map[string]string{
		"\x1b[2Jann": `\x1b[2Jann`, "a\nb\tc": `a\nb\tc`, "\u009b31m": `\u009b31m`, "\u202eevil": `\u202eevil`, "a\x7f": `a\x7f`, "Zoë 生命 🎫": "Zoë 生命 🎫", "": "",
	} {
		if got := Clean(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
		out := Table{Columns: []Column{{Title: "buyer"}}, Rows: [][]string{{given}}}.render(0)
		if strings.ContainsAny(out, "\x1b\u009b\u202e\x7f\t") || strings.Count(out, "\n") != 4 {
			t.Errorf("%q: got %q in a table", given, out)
		}
	}
	if got, want := CleanLines("one\n\ttwo\x1b"), "one\n\ttwo\\x1b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func numbers(n int, last error) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range n {
			if !yield(i, nil) {
				return
			}
		}
		if last != nil {
			yield(0, last)
		}
	}
}

func row(i int) []string { return []string{fmt.Sprint("row", i)} }

func TestAListIsPrintedAsItComes(t *testing.T) {
	away := errors.New("away")
	for name, c := range map[string]struct {
		n      int
		last   error
		tables int
	}{
		"none": {0, nil, 0}, "one": {1, nil, 1}, "a hundred": {100, nil, 1}, "more": {101, nil, 2}, "until an error": {150, away, 2}, "only an error": {0, away, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			n, err := List(New(&b, false), []Column{{Title: "name"}}, row, numbers(c.n, c.last))
			if n != c.n || err != c.last || strings.Count(b.String(), "row") != c.n || strings.Count(b.String(), "NAME") != c.tables {
				t.Errorf("got %d, %v and:\n%s\nwant %d rows in %d tables, and %v", n, err, b.String(), c.n, c.tables, c.last)
			}
		})
	}
	t.Run("as lines of JSON", func(t *testing.T) {
		var b bytes.Buffer
		n, err := List(New(&b, true), nil, row, numbers(3, away))
		if diff := cmp.Diff("0\n1\n2\n", b.String()); n != 3 || err != away || diff != "" {
			t.Errorf("got %d, %v (-want +got):\n%s", n, err, diff)
		}
	})
	t.Run("and no further than the reader reads", func(t *testing.T) {
		for _, json := range []bool{false, true} {
			taken := 0
			_, err := List(New(full{}, json), []Column{{Title: "name"}}, row, func(yield func(int, error) bool) {
				for taken = 1; taken < 1000 && yield(taken, nil); taken++ {
				}
			})
			if !errors.Is(err, errFull) || taken > piece {
				t.Errorf("json %v: got %v after %d entries, want %v with the first piece", json, err, taken, errFull)
			}
		}
	})
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestTimesAreUTCAndHowFarOff(t *testing.T) {
	now := time.Date(2026, 11, 27, 18, 0, 0, 0, time.UTC)
	for want, at := range map[string]time.Time{
		"2026-11-27T18:00:00Z (now)":             now.Add(400 * time.Millisecond),
		"2026-11-27T18:00:01Z (in 1s)":           now.Add(time.Second),
		"2026-11-27T17:59:30Z (30s ago)":         now.Add(-30 * time.Second),
		"2026-11-27T19:30:00Z (in 1h 30m)":       now.Add(90 * time.Minute),
		"2026-11-27T19:00:59Z (in 1h)":           now.Add(time.Hour + 59*time.Second),
		"2026-11-25T17:00:00Z (2d 1h ago)":       now.Add(-49 * time.Hour),
		"9999-12-31T23:59:59Z (in 7973y 33d)":    time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		"2026-11-27T19:00:00Z (in 1h) elsewhere": now.Add(time.Hour).In(time.FixedZone("CET", 3600)),
	} {
		if got := Time(at, now); got != strings.TrimSuffix(want, " elsewhere") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := OptionalTime(nil, now); got != "" {
		t.Errorf("got %q for no time", got)
	}
}
