package report

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// bars draws one horizontal bar a row, of parts laid end to end. gonum's own bars start
// at 0, which a log axis does not have.
type bars struct {
	rows   [][]float64 // from the top
	labels []string    // what stands at each bar's end
	colors func(row, part int) color.Color
	style  text.Style
}

// Plot implements [plot.Plotter].
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	half := min((y(1)-y(0))*0.36, 14)
	for i, parts := range b.rows {
		middle, start := y(float64(len(b.rows)-1-i)), p.X.Min
		for j, part := range parts {
			end := max(part, start) // a log axis has no place for 0
			if j > 0 {
				end = start + part
			}
			r := vg.Rectangle{Min: vg.Point{X: x(start), Y: middle - half}, Max: vg.Point{X: x(end), Y: middle + half}}
			c.SetColor(b.colors(i, j))
			c.Fill(r.Path())
			start = end
		}
		c.FillText(b.style, vg.Point{X: x(start) + 4, Y: middle}, b.labels[i])
	}
}
