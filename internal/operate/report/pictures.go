package report

import (
	"math"
	"time"

	"gonum.org/v1/plot/plotter"

	"onsale/internal/picture"
	"onsale/internal/sale"
)

// pictures are the tickets that were out, what buyers got, and what nodes answered, over time.
func (r *Report) pictures() (all []*picture.Picture) {
	if len(r.History.Flow) == 0 {
		return nil
	}
	all = append(all, r.stock(), r.demand())
	if r.Site != nil {
		if p := r.rates(); p != nil {
			all = append(all, p)
		}
	}
	return all
}

// axis is the time since the sale's begin, in a unit that gives it few digits.
type axis struct {
	begin sale.Instant
	unit  time.Duration
	label string
}

func (r *Report) axis() axis {
	begin := r.begin()
	a := axis{begin, time.Second, "seconds"}
	switch span := r.History.Last.Sub(begin); {
	case span > 4*24*time.Hour:
		a.unit, a.label = 24*time.Hour, "days"
	case span > 4*time.Hour:
		a.unit, a.label = time.Hour, "hours"
	case span > 10*time.Minute:
		a.unit, a.label = time.Minute, "minutes"
	}
	a.label += " since " + stamp(begin)
	return a
}

func (a axis) at(at sale.Instant) float64 { return float64(at.Sub(a.begin)) / float64(a.unit) }

// over is a picture of something over time.
func over(a axis, name, title, unit string) *picture.Picture {
	p := picture.New(name, title, 260)
	p.Plot.X.Label.Text, p.Plot.Y.Label.Text = a.label, unit
	p.Plot.X.Tick.Marker, p.Plot.Y.Tick.Marker = picture.PlainTicks{}, picture.PlainTicks{}
	p.Grid(false, true)
	return p
}

// finish sets the axes' ends, and marks when the sale was sold out.
func (r *Report) finish(p *picture.Picture, a axis) *picture.Picture {
	p.Plot.X.Min, p.Plot.Y.Min = 0, 0
	p.Plot.X.Max, p.Plot.Y.Max = max(p.Plot.X.Max, 0.001), max(p.Plot.Y.Max, 1)
	if r.History.SoldOut != 0 {
		p.Mark(picture.Mark{At: a.at(r.History.SoldOut), What: "sold out"})
	}
	return p
}

func (r *Report) stock() *picture.Picture {
	a := r.axis()
	p := over(a, "stock", "Tickets that are held or paid", "tickets")
	points := plotter.XYs{{X: a.at(r.History.First), Y: 0}}
	for _, m := range r.History.Flow {
		points = append(points, plotter.XY{X: a.at(m.At.Add(r.History.Step)), Y: float64(m.Live)})
	}
	p.Curve("held or paid", points, 0, plotter.PreStep)
	end := points[len(points)-1].X
	p.Curve("total", plotter.XYs{{X: 0, Y: float64(r.History.Sale.Total)}, {X: end, Y: float64(r.History.Sale.Total)}}, 6, plotter.NoStep)
	return r.finish(p, a)
}

func (r *Report) demand() *picture.Picture {
	a := r.axis()
	p := over(a, "demand", "Orders taken, and holds that ended unpaid", "a second")
	add := func(name string, colour int, of func(i int) int64) {
		points, any := plotter.XYs{}, false
		for i, m := range r.History.Flow {
			n := of(i)
			any = any || n > 0
			points = append(points, plotter.XY{X: a.at(m.At), Y: float64(n) / r.History.Step.Seconds()})
		}
		if last := len(points) - 1; any {
			points = append(points, plotter.XY{X: points[last].X + float64(r.History.Step)/float64(a.unit), Y: points[last].Y})
			p.Curve(name, points, colour, plotter.PostStep)
		}
	}
	add("taken", 0, func(i int) int64 { return r.History.Flow[i].Taken })
	add("expired", 1, func(i int) int64 { return r.History.Flow[i].Expired })
	add("cancelled", 3, func(i int) int64 { return r.History.Flow[i].Cancelled })
	return r.finish(p, a)
}

// drawn is how many codes a picture has: its legend has room for no more.
const drawn = 8

// rates are what nodes answered; nil if that is not known.
func (r *Report) rates() *picture.Picture {
	a := r.axis()
	p := over(a, "answers", "Answers of nodes to purchases of all sales, by code", "a second")
	for i, answers := range r.Site.Answers {
		points := plotter.XYs{}
		for _, point := range answers.rates {
			if x := a.at(sale.Instant(point.at.UnixMilli())); x >= 0 && !math.IsNaN(point.value) && !math.IsInf(point.value, 0) {
				points = append(points, plotter.XY{X: x, Y: point.value})
			}
		}
		if i < drawn && len(points) > 0 {
			p.Curve(picture.Plain(answers.Code), points, i, plotter.NoStep)
		}
	}
	if !p.Keyed {
		return nil
	}
	return r.finish(p, a)
}
