package report

import (
	"cmp"
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// leastMillis is the lowest latency that a log axis shows. The generator counts µs.
const leastMillis = 0.001

// latencies are a picture for each class of answers that the group has curves of.
func (r *Report) latencies(g Group) (all []*picture) {
	classes := map[string][]Curve{}
	for _, s := range g.Valid() {
		mine := map[string][]Curve{}
		for _, c := range r.Curves {
			if c.Strategy == s.Strategy && c.Phase == g.Phase && c.Loop == g.Loop && c.Offered == g.Offered && len(drawn(c)) > 0 {
				mine[c.Class] = append(mine[c.Class], c)
			}
		}
		for class, repeats := range mine {
			classes[class] = append(classes[class], middle(repeats))
		}
	}
	for _, class := range sortedKeys(classes) {
		all = append(all, r.latency(g, class, classes[class]))
	}
	return all
}

// middle is the repeat with the median p99: one that happened, where a mean of curves
// would be one that did not.
func middle(repeats []Curve) Curve {
	slices.SortStableFunc(repeats, func(a, b Curve) int {
		return cmp.Or(cmp.Compare(p99(a), p99(b)), cmp.Compare(a.Repeat, b.Repeat))
	})
	return repeats[(len(repeats)-1)/2]
}

// p99 is the first point at or above it, or the last there is.
func p99(c Curve) float64 {
	for _, p := range c.Points {
		if p.Quantile >= 0.99 {
			return p.Millis
		}
	}
	return c.Points[len(c.Points)-1].Millis
}

// nines is where a quantile stands on the percentile axis: 1 is 90 %, 2 is 99 %, and so
// on, so that the tail, where buyers suffer, takes most of the room.
func nines(quantile float64) float64 { return -math.Log10(1 - quantile) }

// drawn are the curve's points on the percentile axis. The slowest answer of all has no
// place there.
func drawn(c Curve) (points plotter.XYs) {
	for _, p := range c.Points {
		if p.Quantile >= 0 && p.Quantile < 1 {
			points = append(points, plotter.XY{X: nines(p.Quantile), Y: max(p.Millis, leastMillis)})
		}
	}
	return points
}

// latency draws one curve a strategy, in the group's order.
func (r *Report) latency(g Group, class string, curves []Curve) *picture {
	title := fmt.Sprintf("Latency of “%s”, %s", plain(class), g.Heading())
	p := newPicture("latency-"+g.slug()+"-"+file(class), title, 320)
	p.plot.X.Label.Text, p.plot.Y.Label.Text = "percentile of the answers", "ms, log axis (less is better)"
	p.plot.Y.Scale, p.plot.Y.Tick.Marker = plot.LogScale{}, decades{}
	p.plot.X.Tick.Marker = percentiles{}
	p.grid(true, true)
	for _, c := range curves {
		p.curve(plain(c.Strategy), drawn(c), r.index(c.Strategy), plotter.NoStep)
	}
	p.plot.X.Min, p.plot.X.Max = 0, max(p.plot.X.Max, 1)
	// Whole decades: the curves are then read against labelled lines.
	p.plot.Y.Min = math.Pow(10, math.Floor(math.Log10(p.plot.Y.Min)))
	p.plot.Y.Max = max(math.Pow(10, math.Ceil(math.Log10(p.plot.Y.Max))), p.plot.Y.Min*10)
	p.small = r.footnote(g)
	return p
}

// percentiles marks the axis that nines makes.
type percentiles struct{}

// Ticks implements [plot.Ticker].
func (percentiles) Ticks(_, high float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 0, Label: "0 %"}, {Value: nines(0.5), Label: "50 %"}}
	for n := 1; float64(n) <= high; n++ {
		label := "90 %"
		if n > 1 {
			label = strings.TrimSuffix("99."+strings.Repeat("9", n-2), ".") + " %"
		}
		ticks = append(ticks, plot.Tick{Value: float64(n), Label: label})
	}
	return ticks
}

// curve adds a line and its key. Past the palette's end the colours come again, dashed.
func (p *picture) curve(name string, points plotter.XYs, i int, step plotter.StepKind) *plotter.Line {
	if len(points) == 0 {
		return nil
	}
	line := &plotter.Line{XYs: points, StepStyle: step, LineStyle: draw.LineStyle{Color: shade(i), Width: 1.8}}
	if i >= len(palette) {
		line.Dashes = []vg.Length{5, 3}
	}
	p.plot.Add(line)
	p.key(name, line)
	return line
}

// markers are vertical lines with names, at the times when something happened.
type markers struct {
	marks []Mark // by rising time
	style text.Style
}

// Plot implements [plot.Plotter]. The names come after all lines, on white, and each
// stands lower than the one before it: what happened within one second can be read.
func (m markers) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	for _, mark := range m.marks {
		at := x(mark.Seconds)
		c.StrokeLine2(draw.LineStyle{Color: m.style.Color, Width: 1, Dashes: []vg.Length{3, 3}}, at, c.Min.Y, at, c.Max.Y)
	}
	for i, mark := range m.marks {
		style, name := m.style, clip(plain(mark.What), 40)
		place := vg.Point{X: x(mark.Seconds) + 4, Y: c.Max.Y - vg.Length(i%6)*14}
		style.XAlign, style.YAlign = text.XLeft, text.YTop
		if place.X > (c.Min.X+c.Max.X)/2 { // towards the edge there is no room to the right
			style.XAlign, place.X = text.XRight, place.X-10
		}
		box := style.Rectangle(name).Add(place)
		c.SetColor(color.White)
		c.Fill(box.Path())
		c.FillText(style, place, name)
	}
}
