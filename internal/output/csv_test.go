package output

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// RFC 4180 has CR and LF at the end of each record, and whatever is in a field comes back as it was.
func TestRecordsAreThoseOfRFC4180(t *testing.T) {
	var b strings.Builder
	if err := WriteCSV(&b, "plain", "", `a "quoted" one`, "a,b", "two\nlines", "a\r\n", " blank", "Zoë 生命", "a\x00\xff"); err != nil {
		t.Fatal(err)
	}
	want := "plain,,\"a \"\"quoted\"\" one\",\"a,b\",\"two\nlines\",\"a\r\n\",\" blank\",Zoë 生命,a\x00\xff\r\n"
	if got := b.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A buyer who is called like a formula had it run in the spreadsheet of who opened the export.
func TestNoFieldIsAFormula(t *testing.T) {
	for field, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "\tx": "'\tx", "\r=x": "\"'\r=x\"", "'x": "''x", "x=1": "x=1", " =1": "\" =1\"", "": "", "=\"a\"": "\"'=\"\"a\"\"\"",
	} {
		var b strings.Builder
		if err := WriteCSV(&b, field); err != nil || b.String() != want+"\r\n" {
			t.Errorf("%q: got %q, %v, want %q", field, b.String(), err, want)
		}
	}
}

func TestAFileIsThereWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "orders.csv")
	write := func(text string, err error) error {
		return ToFile(name, nil, func(w io.Writer) error {
			_, _ = io.WriteString(w, text)
			return err
		})
	}
	want := func(text string) {
		t.Helper()
		got, err := os.ReadFile(name)
		all, err2 := os.ReadDir(filepath.Dir(name))
		if string(got) != text || err != nil || err2 != nil || len(all) != 1 {
			t.Errorf("got %q, %v and the files %v, want %q alone", got, errors.Join(err, err2), all, text)
		}
	}
	if err := write("first", nil); err != nil {
		t.Fatal(err)
	}
	want("first")
	if s, err := os.Stat(name); err != nil || s.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file for its owner alone", s.Mode(), err)
	}
	away := errors.New("away")
	if err := write(strings.Repeat("second", 1<<16), away); !errors.Is(err, away) {
		t.Errorf("got %v, want %v", err, away)
	}
	want("first")
}
