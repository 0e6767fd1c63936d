package picture

import (
	"cmp"
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Curve adds a line and its key. Past the palette's end the colours come again, dashed.
func (p *Picture) Curve(name string, points plotter.XYs, i int, step plotter.StepKind) *plotter.Line {
	if len(points) == 0 {
		return nil
	}
	line := &plotter.Line{XYs: points, StepStyle: step, LineStyle: draw.LineStyle{Color: Shade(i), Width: 1.8}}
	if i >= len(palette) {
		line.Dashes = []vg.Length{5, 3}
	}
	p.Plot.Add(line)
	p.Key(name, line)
	return line
}

// Mark is something that happened at a place of the horizontal axis.
type Mark struct {
	At   float64
	What string
}

// Mark draws a line with its name for each mark, and makes room for them. Called last, it draws over the curves.
func (p *Picture) Mark(marks ...Mark) {
	marks = slices.SortedStableFunc(slices.Values(marks), func(a, b Mark) int { return cmp.Compare(a.At, b.At) })
	for _, m := range marks {
		p.Plot.X.Max = max(p.Plot.X.Max, m.At)
	}
	p.Plot.Y.Max *= 1.05
	style := p.Plot.X.Tick.Label
	style.Color = color.RGBA{0xb0, 0x00, 0x20, 0xff}
	p.Plot.Add(markers{marks, style})
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
		at := x(mark.At)
		c.StrokeLine2(draw.LineStyle{Color: m.style.Color, Width: 1, Dashes: []vg.Length{3, 3}}, at, c.Min.Y, at, c.Max.Y)
	}
	for i, mark := range m.marks {
		style, name := m.style, Clip(Plain(mark.What), 40)
		place := vg.Point{X: x(mark.At) + 4, Y: c.Max.Y - vg.Length(i%6)*14}
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
