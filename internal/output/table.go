package output

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Breaking is where a column's texts may be broken if the table is too wide. Columns that break at words are narrowed
// first, then those that break anywhere.
type Breaking int

// Where texts are broken.
const (
	Never    Breaking = iota // numbers and states; but if nothing else helps
	AtWords                  // titles and times
	Anywhere                 // ids and names
)

// Column is one of a table's.
type Column struct {
	Title  string
	Break  Breaking
	Number bool // aligned to the right
	Least  int  // width below which it is narrowed only if nothing else helps; 0: least
}

// Table is columns and rows of as many cells. Cells are plain text: what a terminal would obey is made visible.
type Table struct {
	Columns []Column // without titles there is no header
	Rows    [][]string
}

// Field is a line of a table that shows one thing: its name and its value.
type Field struct{ Name, Value string }

// Fields makes a table of fields. Those without a value are left out.
func Fields(fields ...Field) Table {
	t := Table{Columns: []Column{{}, {Break: AtWords, Least: 20}}}
	for _, f := range fields {
		if f.Value != "" {
			t.Rows = append(t.Rows, []string{f.Name, f.Value})
		}
	}
	return t
}

const (
	// least is how narrow a column becomes, if its Least is 0.
	least = 8
	// narrowest is how narrow one becomes if the table is still too wide.
	narrowest = 4
)

// render is the table with no line longer than limit columns, or any length if that is 0.
func (t Table) render(limit int) string {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	header, titled := table.Row{}, false
	for _, c := range t.Columns {
		header, titled = append(header, c.Title), titled || c.Title != ""
	}
	if titled {
		w.AppendHeader(header)
	}
	cells := make([][]string, len(t.Rows))
	for i, row := range t.Rows {
		line := table.Row{}
		for _, cell := range row {
			cell = Clean(cell)
			cells[i] = append(cells[i], cell)
			line = append(line, cell)
		}
		w.AppendRow(line)
	}
	var configs []table.ColumnConfig
	for i, width := range t.widths(cells, limit) {
		c := table.ColumnConfig{Number: i + 1, WidthMax: width, WidthMaxEnforcer: text.WrapSoft}
		if t.Columns[i].Number {
			c.Align, c.AlignHeader = text.AlignRight, text.AlignRight
		}
		configs = append(configs, c)
	}
	w.SetColumnConfigs(configs)
	return w.Render()
}

// widths are the columns' widths, with which the table is within the limit.
func (t Table) widths(cells [][]string, limit int) []int {
	widths := make([]int, len(t.Columns))
	longest := make([]int, len(t.Columns)) // of the numbers in a column: these are not broken
	over := 3*len(widths) + 1 - limit      // borders, and a blank on both sides of each cell
	for i, c := range t.Columns {
		widths[i] = text.StringWidth(c.Title)
		for _, row := range cells {
			widths[i] = max(widths[i], text.StringWidth(row[i]))
			if digits, _, _ := strings.Cut(row[i], " "); c.Number {
				longest[i] = max(longest[i], len(digits))
			}
		}
		over += widths[i]
	}
	if limit == 0 || over <= 0 {
		return widths
	}
	narrow := func(may func(int) bool, to func(int) int) {
		for ; over > 0; over-- {
			widest := -1
			for i := range t.Columns {
				if may(i) && widths[i] > to(i) && (widest < 0 || widths[i] > widths[widest]) {
					widest = i
				}
			}
			if widest < 0 {
				return
			}
			widths[widest]--
		}
	}
	at := func(b Breaking) func(int) bool { return func(i int) bool { return t.Columns[i].Break == b } }
	bounded := func(i int) int { return max(t.Columns[i].Least, least, longest[i]) }
	to := func(width int) func(int) int { return func(int) int { return width } }
	narrow(at(AtWords), bounded)
	narrow(at(Anywhere), bounded)
	narrow(at(Anywhere), to(narrowest))
	narrow(func(int) bool { return true }, to(narrowest))
	for i, c := range t.Columns { // a wide character is not broken: at an odd width it would stand out
		if !c.Number && widths[i] > narrowest {
			widths[i] -= widths[i] % 2
		}
	}
	return widths
}
