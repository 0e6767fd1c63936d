// Package output prints what the operator's tool has found: tables for people, JSON for programs.
package output

import (
	"encoding/json"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Printer prints to one writer.
type Printer struct {
	w     io.Writer
	json  bool
	width int // in columns; 0: lines may have any length
}

// New makes a printer of JSON or of tables. Tables are as wide as the terminal, or as the environment variable COLUMNS
// asks for. In a file or a pipe their lines are not bounded, so that no id is broken.
func New(w io.Writer, json bool) Printer { return Printer{w: w, json: json, width: columns(w)} }

func columns(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil { // no terminal
		return 0
	}
	return int(size.Col)
}

// Document prints one thing: v as indented JSON, or the tables.
func (p Printer) Document(v any, tables ...Table) error {
	if p.json {
		e := json.NewEncoder(p.w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(v)
	}
	var text strings.Builder
	for _, t := range tables {
		if len(t.Rows) > 0 {
			text.WriteString(t.render(p.width) + "\n")
		}
	}
	_, err := io.WriteString(p.w, text.String())
	return err
}

// piece is how many rows of a list one table has. Raised, the first rows come later; lowered, the header is repeated
// more often.
const piece = 100

// List prints the entries as they come, and returns how many these were: a line of JSON for each, or a table for each
// hundred. An error of the entries ends the list, once all before it are printed.
func List[T any](p Printer, columns []Column, row func(T) []string, entries iter.Seq2[T, error]) (count int, err error) {
	e := json.NewEncoder(p.w)
	e.SetEscapeHTML(false)
	t := Table{Columns: columns}
	flush := func() error {
		err := p.Document(nil, t)
		t.Rows = nil
		return err
	}
	for entry, err := range entries {
		if err != nil {
			if !p.json {
				if werr := flush(); werr != nil {
					return count, werr
				}
			}
			return count, err
		}
		count++
		if p.json {
			if err := e.Encode(entry); err != nil {
				return count, err
			}
			continue
		}
		if t.Rows = append(t.Rows, row(entry)); len(t.Rows) == piece {
			if err := flush(); err != nil {
				return count, err
			}
		}
	}
	if p.json {
		return count, nil
	}
	return count, flush()
}
