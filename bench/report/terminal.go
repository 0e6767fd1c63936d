package report

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/mattn/go-isatty"
)

// remarksWidth keeps the whole table within a wide terminal.
const remarksWidth = 44

// WriteTables writes a table for each phase and load, with every strategy as a multiple
// of peer's; an empty peer leaves that column out. INVALID rows are red where w is a
// terminal and NO_COLOR is not set.
func (r *Report) WriteTables(w io.Writer, peer string) error {
	var b bytes.Buffer
	color := colored(w)
	for _, g := range r.Groups() {
		fmt.Fprintf(&b, "%s\n%s\n%s\n\n", g.Heading(), g.table(peer, color), g.ranking())
	}
	if audit := r.audit(); audit != "" {
		fmt.Fprintf(&b, "%s\n", audit)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "%s\n", plain(note))
	}
	r.write(&b)
	_, err := w.Write(b.Bytes())
	return err
}

// terminal reports whether a person watches w.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// colored reports whether w shows colours and its user wants them: no-color.org asks
// that any value but an empty one turns them off.
func colored(w io.Writer) bool { return terminal(w) && os.Getenv("NO_COLOR") == "" }

// red is written by hand: go-pretty's colours are a global switch of the process, which
// looks at other streams than ours.
func red(s string, color bool) string {
	if !color {
		return s
	}
	return "\x1b[31m" + s + "\x1b[0m"
}

// column is one of the table's: its title and what it shows of a row.
type column struct {
	title string
	cell  func(place string, s Summary) string
	left  bool // text and not a number
}

// lines are what the column shows of the row: one remark a line.
func (c column) lines(place string, s Summary) []string {
	return strings.Split(c.cell(place, s), "\n")
}

// columns are those of the group. Only what every reader needs is in the table: the
// rest is in the JSON.
func (g Group) columns(peer string) []column {
	cols := []column{
		{title: "#", cell: func(place string, _ Summary) string { return place }},
		{title: "strategy", cell: func(_ string, s Summary) string { return plain(s.Strategy) }, left: true},
		{title: "served/s", cell: func(_ string, s Summary) string { return decimal(s.Throughput()) }},
		{title: "spread", cell: func(_ string, s Summary) string { return s.spread() }},
	}
	if p, ok := g.Peer(peer); ok {
		what := "× " + plain(peer)
		if g.Loop == LoopOpen {
			what = "p99 " + what
		}
		cols = append(cols, column{title: what, cell: func(_ string, s Summary) string { return ratio(s, p) }})
	}
	quantile := func(title string, of func(Quantiles) float64) column {
		return column{title: title, cell: func(_ string, s Summary) string { return millis(s.Decisive(), of(s.Decisive())) }}
	}
	return append(cols,
		quantile("p50 ms", func(q Quantiles) float64 { return q.P50 }),
		quantile("p99 ms", func(q Quantiles) float64 { return q.P99 }),
		quantile("p99.9 ms", func(q Quantiles) float64 { return q.P999 }),
		column{title: "served", cell: func(_ string, s Summary) string { return percent(s.Served()) }},
		column{title: "CPU µs", cell: func(_ string, s Summary) string { return s.cost() }},
		column{title: "MiB", cell: func(_ string, s Summary) string { return s.mebibytes() }},
		column{title: "remarks", cell: func(_ string, s Summary) string { return strings.Join(s.remarks(), "\n") }, left: true},
	)
}

// place is the row's rank, counted from 1; an INVALID row has none.
func place(i int, s Summary) string {
	if s.Invalid() {
		return "–"
	}
	return fmt.Sprint(i + 1)
}

func (g Group) table(peer string, color bool) string {
	cols := g.columns(peer)
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault // upper case would change units
	head, configs := table.Row{}, []table.ColumnConfig{}
	for i, c := range cols {
		head = append(head, c.title)
		align := text.AlignRight
		if c.left {
			align = text.AlignLeft
		}
		configs = append(configs, table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align})
	}
	t.AppendHeader(head)
	t.SetColumnConfigs(configs)
	for i, s := range g.Rows {
		row := table.Row{}
		for _, c := range cols {
			var lines []string
			for _, remark := range c.lines(place(i, s), s) { // WrapSoft would join the remarks
				for _, line := range strings.Split(text.WrapSoft(remark, remarksWidth), "\n") {
					lines = append(lines, red(strings.TrimRight(line, " "), color && s.Invalid()))
				}
			}
			row = append(row, strings.Join(lines, "\n"))
		}
		t.AppendRow(row)
	}
	return t.Render()
}
