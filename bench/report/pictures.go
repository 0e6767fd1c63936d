package report

import (
	"cmp"
	"fmt"
	"image/color"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// logFrom is how many times the smallest value the largest is before an axis is
// logarithmic: beyond it, the smallest bar would be a line.
const logFrom = 25

// logTo is how many times its least value the largest of such an axis is at most: what
// is smaller still has no bar, but its number is written all the same.
const logTo = 1e6

// pictures are all that the report has data for: throughput and processor time of each
// group, latencies, and the stock over time.
func (r *Report) pictures() []*picture {
	var all []*picture
	for _, g := range r.Groups() {
		if len(g.Valid()) == 0 {
			continue
		}
		if g.Loop == LoopClosed {
			all = append(all, r.throughput(g))
		}
		if p := r.processorTime(g); p != nil {
			all = append(all, p)
		}
		all = append(all, r.latencies(g)...)
	}
	if len(r.Stock) > 0 {
		all = append(all, r.drain())
	}
	// Two offered rates of one phase would share a file.
	taken := map[string]int{}
	for _, p := range all {
		if taken[p.name]++; taken[p.name] > 1 {
			p.name += fmt.Sprintf("-%d", taken[p.name])
		}
		p.small = cmp.Or(p.small, r.origin())
	}
	return all
}

// slug is the group's part of a file's name.
func (g Group) slug() string { return file(g.Phase) + "-" + file(g.Loop) }

// file keeps what is safe in a file's name, so that no phase can leave the folder.
func file(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, strings.ToLower(s))
}

// footnote is the origin, and who is missing from the picture.
func (r *Report) footnote(g Group) string {
	var missing, slow []string
	for _, s := range g.Rows {
		switch {
		case s.Invalid():
			missing = append(missing, plain(s.Strategy))
		case s.Loop == LoopOpen && !s.kept():
			slow = append(slow, plain(s.Strategy))
		}
	}
	var note string
	if len(missing) > 0 {
		note += "Not drawn, INVALID: " + strings.Join(missing, ", ") + ". "
	}
	if len(slow) > 0 {
		note += "Did not keep up, drawn without those it left unserved: " + strings.Join(slow, ", ") + ". "
	}
	return note + r.origin()
}

// index is a strategy's place among all of the report's, so that it has the same colour
// in each picture, also of strategies that are missing there.
func (r *Report) index(strategy string) int {
	names := map[string]bool{}
	for _, row := range r.Rows {
		names[row.Strategy] = true
	}
	return slices.Index(sortedKeys(names), strategy)
}

func shade(i int) color.Color { return palette[i%len(palette)] }

// throughput is a bar for each strategy.
func (r *Report) throughput(g Group) *picture {
	valid := g.Valid()
	p := barPicture("throughput-"+g.slug(), "Buyers served a second, "+g.Heading(), valid)
	b := bars{colors: func(row, _ int) color.Color { return shade(r.index(valid[row].Strategy)) }}
	for _, s := range valid {
		b.rows, b.labels = append(b.rows, []float64{s.Throughput()}), append(b.labels, decimal(s.Throughput()))
	}
	p.addBars(b, "buyers served a second (more is better)", true)
	p.small = r.footnote(g)
	return p
}

// processorTime is a bar for each strategy, of a part for each process; nil if it was
// not measured.
func (r *Report) processorTime(g Group) *picture {
	valid := slices.DeleteFunc(g.Valid(), func(s Summary) bool { return s.Cost() <= 0 })
	if len(valid) == 0 {
		return nil
	}
	slices.SortStableFunc(valid, func(a, b Summary) int { return cmp.Compare(a.Cost(), b.Cost()) })
	names, used := r.processNames(), map[string]bool{}
	p := barPicture("cpu-"+g.slug(), "Processor time a request, "+g.Heading(), valid)
	b := bars{colors: func(_, part int) color.Color { return shade(part) }}
	for _, s := range valid {
		parts := make([]float64, len(names))
		for i, process := range names {
			parts[i] = s.CPU[process]
			used[process] = used[process] || parts[i] > 0
		}
		b.rows, b.labels = append(b.rows, parts), append(b.labels, decimal(s.Cost()))
	}
	p.addBars(b, "µs of processor time a request, the generator's left out (less is better)", false)
	for i, process := range names {
		if used[process] {
			p.key(plain(process), patch{shade(i)})
		}
	}
	p.small = r.footnote(g)
	return p
}

// processNames are all that the report knows the processor time of, so that each has
// the same colour in every picture.
func (r *Report) processNames() []string {
	all := map[string]float64{}
	for _, row := range r.Rows {
		maps.Copy(all, row.CPU)
	}
	return processes(all)
}

// patch is a legend's square of one colour.
type patch struct{ color color.Color }

// Thumbnail implements [plot.Thumbnailer].
func (t patch) Thumbnail(c *draw.Canvas) {
	c.SetColor(t.color)
	c.Fill(c.Rectangle.Path())
}

// barPicture has a row for each strategy, the first at the top.
func barPicture(name, title string, rows []Summary) *picture {
	p := newPicture(name, title, vg.Length(86+26*len(rows)))
	names := make([]string, len(rows))
	for i, s := range rows {
		// The blanks are room for a browser whose font is wider than the one measured here.
		names[len(rows)-1-i] = clip(plain(s.Strategy), 28) + "   "
	}
	p.plot.NominalY(names...)
	p.plot.Y.Min, p.plot.Y.Max = -0.5, float64(len(rows))-0.5
	return p
}

// addBars draws the bars and sets the axis, which leaves room for their labels.
func (p *picture) addBars(b bars, label string, mayLog bool) {
	low, high := math.Inf(1), 0.0
	for _, parts := range b.rows {
		sum := 0.0
		for _, part := range parts {
			sum += part
		}
		if sum > 0 {
			low, high = min(low, sum), max(high, sum)
		}
	}
	x := &p.plot.X
	x.Label.Text, x.Tick.Marker = label, plainTicks{}
	x.Min, x.Max = 0, max(high, 1e-9)*1.12
	if mayLog && high > low*logFrom {
		x.Scale, x.Tick.Marker = plot.LogScale{}, decades{}
		x.Label.Text += ", log axis"
		// Bars have to begin somewhere: below the least, so that it can be seen.
		low = max(low, high/logTo)
		x.Min = math.Pow(10, math.Floor(math.Log10(low/1.5)))
		x.Max = high * math.Pow(high/x.Min, 0.12)
	}
	b.style = x.Tick.Label
	b.style.XAlign, b.style.YAlign = text.XLeft, text.YCenter
	p.grid(true, false)
	p.plot.Add(b)
}

// named is how many nodes a picture's legend has room for.
const named = 16

// drain is the stock of each node over time, with a line for each mark.
func (r *Report) drain() *picture {
	p := newPicture("stock", "Stock left on each node", 300)
	if len(r.Stock) > named {
		p.title = fmt.Sprintf("Stock left on each of %d nodes", len(r.Stock))
		p.plot.Title.Text = p.title
	}
	p.plot.X.Label.Text, p.plot.Y.Label.Text = "seconds", "tickets"
	p.plot.X.Tick.Marker, p.plot.Y.Tick.Marker = plainTicks{}, plainTicks{}
	p.grid(false, true)
	stock := slices.SortedStableFunc(slices.Values(r.Stock), func(a, b Series) int { return strings.Compare(a.Node, b.Node) })
	for i, s := range stock {
		points := make(plotter.XYs, len(s.Levels))
		for j, l := range s.Levels {
			points[j] = plotter.XY{X: l.Seconds, Y: float64(l.Left)}
		}
		line := p.curve(plain(s.Node), points, i, plotter.PostStep)
		if line != nil && len(r.Stock) > named {
			line.Width, line.Dashes = 0.7, nil
		}
	}
	p.keyed = p.keyed && len(r.Stock) <= named
	p.plot.X.Min, p.plot.Y.Min = 0, 0
	p.plot.X.Max, p.plot.Y.Max = max(p.plot.X.Max, 0.001), max(p.plot.Y.Max, 1)
	r.marks(p)
	return p
}

// marks are drawn last, over the curves. Their names go downwards in turn, so that what
// happened within one second can still be read.
func (r *Report) marks(p *picture) {
	marks := slices.SortedStableFunc(slices.Values(r.Marks), func(a, b Mark) int { return cmp.Compare(a.Seconds, b.Seconds) })
	for _, m := range marks {
		p.plot.X.Max = max(p.plot.X.Max, m.Seconds)
	}
	p.plot.Y.Max *= 1.05
	style := p.plot.X.Tick.Label
	style.Color = color.RGBA{0xb0, 0x00, 0x20, 0xff}
	p.plot.Add(markers{marks, style})
}
