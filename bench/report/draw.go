package report

import (
	"bytes"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A picture is 800 pixels wide, as wide as a README is shown, and its text is at least
// as large as small print there. Lengths are in points: 3/4 of a pixel.
const (
	pictureWidth = vg.Length(600)
	smallPrint   = 14 // height of the strip below
	smallSize    = 7.5
)

// The palette is Okabe and Ito's, which colour-blind people can distinguish, without its
// yellow, which vanishes on white. Source: https://jfly.uni-koeln.de/color/
var palette = []color.RGBA{
	{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff},
	{0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x55, 0x55, 0x55, 0xff},
}

var (
	ink  = color.RGBA{0x22, 0x22, 0x22, 0xff}
	pale = color.RGBA{0xdd, 0xdd, 0xdd, 0xff}
	gray = color.RGBA{0x66, 0x66, 0x66, 0xff}
)

// picture is one drawing: a plot, its legend beside it, and small print below.
type picture struct {
	name   string // of its file, without .svg
	title  string
	height vg.Length
	plot   *plot.Plot
	legend plot.Legend
	keyed  bool // there is a legend
	small  string
}

// newPicture has axes, a title and no data yet.
func newPicture(name, title string, height vg.Length) *picture {
	p := plot.New()
	p.Title.Text, p.Title.Padding = title, 8
	p.X.LineStyle.Color, p.Y.LineStyle.Color = gray, gray
	for style, size := range map[*text.Style]vg.Length{
		&p.Title.TextStyle: 13, &p.X.Label.TextStyle: 10.5, &p.Y.Label.TextStyle: 10.5,
		&p.X.Tick.Label: 9.5, &p.Y.Tick.Label: 9.5,
	} {
		style.Font.Variant, style.Font.Size, style.Color = "Sans", size, ink
	}
	legend := plot.NewLegend()
	legend.TextStyle.Font.Variant, legend.TextStyle.Font.Size, legend.TextStyle.Color = "Sans", 9.5, ink
	legend.Top, legend.Left, legend.ThumbnailWidth, legend.Padding = true, true, 14, 3
	p.X.Label.Padding, p.Y.Label.Padding = 4, 4
	return &picture{name: name, title: title, height: height, plot: p, legend: legend}
}

// key explains a colour in the legend.
func (p *picture) key(name string, thumb plot.Thumbnailer) {
	p.legend.Add(" "+clip(name, 24), thumb)
	p.keyed = true
}

// svg draws the picture. The legend stands beside the plot, where it hides no data.
func (p *picture) svg() []byte {
	c := vgsvg.New(pictureWidth, p.height)
	whole := draw.New(c)
	whole.SetColor(color.White)
	whole.Fill(whole.Rectangle.Path())
	upper := draw.Crop(whole, 6, -10, smallPrint+4, -6)
	if p.keyed {
		// A browser's own font may be wider than the one that is measured here.
		width := p.legend.Rectangle(upper).Size().X * 1.2
		p.legend.Draw(draw.Crop(upper, upper.Size().X-width, 0, 0, -24))
		upper = draw.Crop(upper, 0, -width-10, 0, 0)
	}
	p.plot.Draw(upper)
	style := p.plot.X.Tick.Label
	style.Font.Size, style.Color, style.XAlign, style.YAlign = smallSize, gray, draw.XLeft, draw.YBottom
	whole.FillText(style, vg.Point{X: 8, Y: 5}, clip(p.small, 150))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		panic(err) // a bytes.Buffer refuses nothing
	}
	return portable(b.Bytes())
}

// portable names fonts of the same widths for where Liberation is not installed:
// browsers would take a serif font instead.
func portable(svg []byte) []byte {
	return bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arimo,Arial,Helvetica,sans-serif;"))
}

// grid draws pale lines behind the data.
func (p *picture) grid(vertical, horizontal bool) {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = nil, nil
	if vertical {
		g.Vertical.Color = pale
	}
	if horizontal {
		g.Horizontal.Color = pale
	}
	p.plot.Add(g)
}

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

// decades marks powers of ten, for log axes.
type decades struct{}

// Ticks implements [plot.Ticker].
func (decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		ticks = append(ticks, plot.Tick{Value: math.Pow(10, e), Label: short(math.Pow(10, e))})
		for digit := 2.0; digit < 10; digit++ {
			ticks = append(ticks, plot.Tick{Value: digit * math.Pow(10, e)})
		}
	}
	return ticks
}

// plainTicks are gonum's, written as people write numbers.
type plainTicks struct{}

// Ticks implements [plot.Ticker].
func (plainTicks) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = short(t.Value)
		}
	}
	return ticks
}

// short writes an axis' number: whole ones with thousands set apart, others as short as
// they can be.
func short(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return thousands(int64(v))
	}
	return strings.TrimRight(strings.TrimRight(number(v), "0"), ".")
}
