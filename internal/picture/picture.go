package picture

import (
	"bytes"
	"image/color"

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

// Picture is one drawing: a plot, its legend beside it, and small print below.
type Picture struct {
	Name   string // of its file, without .svg
	Title  string
	Plot   *plot.Plot
	Keyed  bool   // there is a legend
	Small  string // print below
	height vg.Length
	legend plot.Legend
}

// New has axes, a title and no data yet.
func New(name, title string, height vg.Length) *Picture {
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
	return &Picture{Name: name, Title: title, Plot: p, height: height, legend: legend}
}

// Key explains a colour in the legend.
func (p *Picture) Key(name string, thumb plot.Thumbnailer) {
	p.legend.Add(" "+Clip(name, 24), thumb)
	p.Keyed = true
}

// SVG draws the picture. The legend stands beside the plot, where it hides no data.
func (p *Picture) SVG() []byte {
	c := vgsvg.New(pictureWidth, p.height)
	whole := draw.New(c)
	whole.SetColor(color.White)
	whole.Fill(whole.Rectangle.Path())
	upper := draw.Crop(whole, 6, -10, smallPrint+4, -6)
	if p.Keyed {
		// A browser's own font may be wider than the one that is measured here.
		width := p.legend.Rectangle(upper).Size().X * 1.2
		p.legend.Draw(draw.Crop(upper, upper.Size().X-width, 0, 0, -24))
		upper = draw.Crop(upper, 0, -width-10, 0, 0)
	}
	p.Plot.Draw(upper)
	style := p.Plot.X.Tick.Label
	style.Font.Size, style.Color, style.XAlign, style.YAlign = smallSize, gray, draw.XLeft, draw.YBottom
	whole.FillText(style, vg.Point{X: 8, Y: 5}, Clip(p.Small, 150))
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

// Grid draws pale lines behind the data.
func (p *Picture) Grid(vertical, horizontal bool) {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = nil, nil
	if vertical {
		g.Vertical.Color = pale
	}
	if horizontal {
		g.Horizontal.Color = pale
	}
	p.Plot.Add(g)
}

// Shade is the i-th colour: past the palette's end they come again.
func Shade(i int) color.Color { return palette[i%len(palette)] }

// Patch is a legend's square of one colour.
type Patch struct{ Color color.Color }

// Thumbnail implements [plot.Thumbnailer].
func (t Patch) Thumbnail(c *draw.Canvas) {
	c.SetColor(t.Color)
	c.Fill(c.Rectangle.Path())
}
