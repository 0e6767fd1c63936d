package report

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"onsale/internal/picture"
)

//go:embed page.html
var pageText string

var page = picture.Page(pageText)

// WriteHTML writes one page with everything on it: tables, pictures, and how it was
// measured. It refers to nothing outside itself, so it opens offline and can be sent
// to somebody; it holds no script, and forbids its browser to load or run any. A report
// with faults is an error, see [Report.Validate]: what is no number can't be drawn.
func (r *Report) WriteHTML(w io.Writer, peer string) error {
	if err := r.Validate(); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, r.content(peer)); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// content is what the page's template fills in. Only the pictures are taken as they
// are: their text was escaped when they were drawn.
type content struct {
	Title      string
	Origin     string
	Audit      string
	Groups     []tableContent
	Strategies [][2]string // name and title
	Pictures   []pictureContent
	Notes      []string
	Setting    [][2]string
}

type tableContent struct {
	Heading, Ranking string
	Head             []cell
	Rows             []rowContent
}

type rowContent struct {
	Invalid bool
	Cells   []cell
}

// cell is the text of a table's cell, a paragraph a line.
type cell struct {
	Left  bool // text and not a number
	Lines []string
}

type pictureContent struct {
	Title string
	SVG   template.HTML
}

func (r *Report) content(peer string) content {
	c := content{Title: plain(cmp.Or(r.Title, "Ways to sell, compared")), Origin: r.origin(), Audit: r.audit(), Setting: r.setting()}
	titles := map[string]string{}
	for _, row := range r.Rows {
		titles[row.Strategy] = row.Title
	}
	for _, strategy := range sortedKeys(titles) {
		c.Strategies = append(c.Strategies, [2]string{plain(strategy), plain(titles[strategy])})
	}
	for _, note := range r.Notes {
		c.Notes = append(c.Notes, plain(note))
	}
	for _, g := range r.Groups() {
		c.Groups = append(c.Groups, g.content(peer))
	}
	for _, p := range r.pictures() {
		c.Pictures = append(c.Pictures, pictureContent{p.Title, picture.Inline(p.SVG())})
	}
	return c
}

// content is the same table as the terminal's.
func (g Group) content(peer string) tableContent {
	t := tableContent{Heading: g.Heading(), Ranking: g.ranking()}
	cols := g.columns(peer)
	for _, c := range cols {
		t.Head = append(t.Head, cell{c.left, []string{c.title}})
	}
	for i, s := range g.Rows {
		row := rowContent{Invalid: s.Invalid()}
		for _, c := range cols {
			row.Cells = append(row.Cells, cell{c.left, c.lines(place(i, s), s)})
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
