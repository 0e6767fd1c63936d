package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"onsale/internal/picture"
)

// Sheet is a result for people: tables, what was wrong with the run, and the header. It is
// what a command shows whose figures are no comparison of strategies.
type Sheet struct {
	Title string
	Header
	Tables  []Table
	Faults  []string // broken promises
	Missed  []string // bounds
	Unshown []string // what was asked for and did not happen
	Notes   []string
}

// Table is one of a sheet's.
type Table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

// Add appends a row.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = plain(fmt.Sprint(c))
	}
	t.Rows = append(t.Rows, row)
}

// Verdict states in one line whether the figures count.
func (s Sheet) Verdict() string {
	if n := len(s.Faults); n > 0 {
		return fmt.Sprintf("INVALID: %d faults", n)
	}
	return "Audit passed: no promise was broken."
}

// remarks are the lists below the tables, a line for each entry.
func (s Sheet) remarks() (all []string) {
	for _, list := range []struct {
		label   string
		entries []string
	}{{"FAULT: ", s.Faults}, {"MISSED: ", s.Missed}, {"NOT SHOWN: ", s.Unshown}, {"", s.Notes}} {
		for _, entry := range list.entries {
			all = append(all, plain(list.label+entry))
		}
	}
	return all
}

// WriteText writes the sheet for a terminal.
func (s Sheet) WriteText(w io.Writer) error {
	var b bytes.Buffer
	for _, t := range s.Tables {
		fmt.Fprintf(&b, "%s\n\n", t.render())
	}
	fmt.Fprintln(&b, s.Verdict())
	for _, remark := range s.remarks() {
		fmt.Fprintln(&b, remark)
	}
	fmt.Fprintln(&b)
	s.Header.write(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (t Table) render() string {
	out := table.NewWriter()
	out.SetStyle(table.StyleLight)
	out.Style().Format.Header = text.FormatDefault // upper case would change units
	out.AppendHeader(cells(t.Head))
	for _, row := range t.Rows {
		out.AppendRow(cells(row))
	}
	if t.Caption != "" {
		out.SetCaption("%s", plain(t.Caption))
	}
	return out.Render()
}

func cells(texts []string) table.Row {
	row := make(table.Row, len(texts))
	for i, t := range texts {
		row[i] = t
	}
	return row
}

//go:embed sheet.html
var sheetText string

var sheetPage = picture.Page(sheetText)

// WriteHTML writes the sheet as a page that refers to nothing outside itself.
func (s Sheet) WriteHTML(w io.Writer) error {
	var b bytes.Buffer
	err := sheetPage.Execute(&b, struct {
		Title, Origin, Verdict string
		Invalid                bool
		Tables                 []Table
		Remarks                []string
		Setting                [][2]string
	}{plain(s.Title), s.origin(), s.Verdict(), len(s.Faults) > 0, s.Tables, s.remarks(), s.setting()})
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
