package report

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"onsale/internal/ledger/postgres"
	"onsale/internal/picture"
	"onsale/internal/sale"
)

// Report is what is known of a sale.
type Report struct {
	History postgres.History
	Site    *Site  // nil: no Prometheus was asked, or it did not answer
	Unasked string // why Site is nil
}

// During has the Prometheus add what it has kept while the sale sold. Of a sale that took no order there is no such time.
func (r *Report) During(ctx context.Context, p Prometheus) error {
	from, to := r.begin(), r.History.Last
	if from == 0 || to == 0 {
		r.Unasked = "no order was taken"
		return nil
	}
	site, err := p.during(ctx, string(r.History.Sale.ID), from.Time(), to.Time())
	if err != nil {
		return err
	}
	r.Site = &site
	return nil
}

// Over is whether the sale can take no more orders: it is closed.
func (r *Report) Over() bool {
	s := r.History.Sale
	return s.Closed || s.Closes != 0 && s.Closes <= r.History.Read
}

// begin is when buyers could buy: when the sale opened, or the first order if it was open before.
func (r *Report) begin() sale.Instant {
	if opens := r.History.Sale.Opens; opens != 0 && opens < r.History.First {
		return opens
	}
	return r.History.First
}

//go:embed page.html
var pageText string

var page = picture.Page(pageText)

// content is what the page's template fills in.
type content struct {
	Title, Origin string
	NotOver       bool
	Unasked       string
	Facts         [][2]string
	Tables        []table
	Pictures      []drawing
	Notes         []string
}

type table struct {
	Heading, Caption string
	Head             []string
	Rows             [][]string
	Empty            string // what stands in place of no rows
}

type drawing struct {
	Title string
	SVG   template.HTML // drawn here, with its texts escaped
}

// WriteHTML writes the page.
func (r *Report) WriteHTML(w io.Writer) error {
	s := r.History.Sale
	c := content{
		Title: picture.Plain(cmp.Or(s.Title, string(s.ID))), NotOver: !r.Over(), Unasked: r.Unasked,
		Origin: fmt.Sprintf("Sale %s, as the ledger had it at %s", s.ID, stamp(r.History.Read)),
		Facts:  r.facts(), Tables: r.tables(), Notes: r.notes(),
	}
	for _, p := range r.pictures() {
		c.Pictures = append(c.Pictures, drawing{p.Title, picture.Inline(p.SVG())})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, c); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// unknown stands for what neither the ledger nor Prometheus has.
const unknown = "not known"

func (c Count) String() string {
	if !c.Known {
		return unknown
	}
	return picture.Decimal(c.Value)
}

func stamp(at sale.Instant) string {
	if at == 0 {
		return "–"
	}
	return at.Time().UTC().Format("2006-01-02 15:04:05 UTC")
}

func took(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

func share(part, of int64) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(of))
}
