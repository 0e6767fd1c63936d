package main

import (
	"fmt"

	"gonum.org/v1/plot/plotter"

	"onsale/internal/picture"
)

// pictures show how the front moved, and how the stock went, from the opening on.
func (r *lineResult) pictures() []*picture.Picture {
	p := picture.New("line", "Tickets left, as the front moves", 300)
	p.Small = fmt.Sprintf("%d joined for %d tickets; %s; %s", r.Buyers, r.Tickets, r.Machine, r.Commit)
	var left, admitted plotter.XYs
	most := 1.0
	for _, l := range r.curve {
		most = max(most, float64(l.front))
	}
	for _, l := range r.curve {
		if x := l.at.Sub(r.opened).Seconds(); x >= 0 {
			left = append(left, plotter.XY{X: x, Y: 100 * float64(l.remaining) / float64(r.Tickets)})
			admitted = append(admitted, plotter.XY{X: x, Y: 100 * float64(l.front) / most})
		}
	}
	p.Curve("tickets left", left, 0, plotter.PostStep)
	p.Curve("admitted", admitted, 1, plotter.PostStep)
	p.Plot.X.Label.Text, p.Plot.Y.Label.Text = "seconds since the opening", "% of all tickets, and of all admitted in the end"
	p.Plot.X.Min, p.Plot.Y.Min = 0, 0
	if b := r.Returns; b.Returned > 0 {
		p.Mark(picture.Mark{At: b.At, What: fmt.Sprintf("%d returned", b.Returned)})
	}
	return []*picture.Picture{p}
}
