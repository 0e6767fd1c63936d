package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onsale/internal/adminapi"
	"onsale/internal/line"
)

// published is a draw of so many buyers, and the place token of the first one with its position.
func published(t *testing.T, buyers int) (l adminapi.Line, place string, position int) {
	t.Helper()
	var seed line.Seed
	seed[0] = 7
	l = adminapi.Line{Sale: "demo", Commitment: seed.Commitment().String(), Seed: line.Hash(seed).String(), Beacon: "drand 7", BeaconValue: "beef"}
	var entries []line.Entry
	for i := range buyers {
		buyer := fmt.Sprint("buyer-", i)
		nonce := line.Nonce([]byte("secret"), buyer)
		entries = append(entries, line.NewEntry("demo", buyer, nonce))
		if i == 0 {
			claims := fmt.Sprintf(`{"aud":"onsale-place","sale":"demo","sub":%q,"place":"d","nonce":%q}`, buyer, nonce)
			place = "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".AAAA"
		}
	}
	first := entries[0]
	line.SortEntries(entries)
	l.List = line.HashEntries(entries).String()
	for _, e := range entries {
		l.Entries = append(l.Entries, line.Hash(e).String())
	}
	return l, place, line.NewDraw(seed, []byte("beef"), entries).Position(first)
}

// without is a draw from which the operator left out the buyer at a position, with the hash of that list.
func without(t *testing.T, l adminapi.Line, position int) adminapi.Line {
	t.Helper()
	r, err := l.Record()
	if err != nil {
		t.Fatal(err)
	}
	d := line.NewDraw(r.Seed, r.Beacon, r.Entries)
	r.Entries = slices.DeleteFunc(r.Entries, func(e line.Entry) bool { return d.Position(e) == position })
	l.List, l.Entries = line.HashEntries(r.Entries).String(), nil
	for _, e := range r.Entries {
		l.Entries = append(l.Entries, line.Hash(e).String())
	}
	return l
}

func TestADrawIsVerified(t *testing.T) {
	t.Parallel()
	l, place, position := published(t, 20)
	noted := []string{"--commitment", l.Commitment, "--list", l.List, "--beacon", "beef"}
	for name, c := range map[string]struct {
		change func(*adminapi.Line)
		args   []string
		want   string // in the error, or else in the output
		fails  bool
	}{
		"as announced":              {args: noted, want: "places drawn │ 20"},
		"nothing noted":             {want: "--commitment, --list, --beacon (drand 7)"},
		"a place":                   {args: append(noted, "--place", place), want: fmt.Sprintf("position     │ %d ", position)},
		"another seed":              {func(l *adminapi.Line) { l.Seed = l.List }, noted, "the seed is not the one", true},
		"another seed and its hash": {func(l *adminapi.Line) { l.Seed, l.Commitment = l.List, l.List }, noted, "the seed is not the one", true},
		"a buyer left out":          {func(l *adminapi.Line) { l.Entries = l.Entries[1:] }, nil, "the list is not the one", true},
		"another beacon":            {func(l *adminapi.Line) { l.BeaconValue = "cafe" }, noted, "the beacon is not what", true},
		"before the seed":           {func(l *adminapi.Line) { l.Seed = "" }, noted, "once the seed is public", true},
		"no place token":            {nil, []string{"--place", strings.Replace(place, "e30.", "e30.x", 1)}, "want a place token", true},
		"of another sale":           {func(l *adminapi.Line) { l.Sale = "other" }, []string{"--place", place}, "it is of sale", true},
		"a buyer who was left out":  {func(l *adminapi.Line) { *l = without(t, *l, position) }, []string{"--place", place}, "the place is not in the list", true},
		"a mistyped hash":           {nil, []string{"--list", "12"}, "--list", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := l
			if c.change != nil {
				c.change(&l)
			}
			text, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "draw.json")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			var out, errs strings.Builder
			err = run(t.Context(), append([]string{"line", "verify", file}, c.args...), &out, &errs)
			printed := out.String()
			if err != nil {
				printed += err.Error()
			}
			if (err != nil) != c.fails || !strings.Contains(printed, c.want) {
				t.Errorf("got %s, %v, want %q", printed, err, c.want)
			}
		})
	}
}
