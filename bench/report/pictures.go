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

	"onsale/internal/picture"
)

// logFrom is how many times the smallest value the largest is before an axis is
// logarithmic: beyond it, the smallest bar would be a line.
const logFrom = 25

// logTo is how many times its least value the largest of such an axis is at most: what
// is smaller still has no bar, but its number is written all the same.
const logTo = 1e6

// pictures are all that the report has data for: throughput and processor time of each
// group, latencies, and the stock over time.
func (r *Report) pictures() []*picture.Picture {
	var all []*picture.Picture
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
		if taken[p.Name]++; taken[p.Name] > 1 {
			p.Name += fmt.Sprintf("-%d", taken[p.Name])
		}
		p.Small = cmp.Or(p.Small, r.origin())
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

// throughput is a bar for each strategy.
func (r *Report) throughput(g Group) *picture.Picture {
	valid := g.Valid()
	p := barPicture("throughput-"+g.slug(), "Buyers served a second, "+g.Heading(), valid)
	b := bars{colors: func(row, _ int) color.Color { return picture.Shade(r.index(valid[row].Strategy)) }}
	for _, s := range valid {
		b.rows, b.labels = append(b.rows, []float64{s.Throughput()}), append(b.labels, decimal(s.Throughput()))
	}
	addBars(p, b, "buyers served a second (more is better)", true)
	p.Small = r.footnote(g)
	return p
}

// processorTime is a bar for each strategy, of a part for each process; nil if it was
// not measured.
func (r *Report) processorTime(g Group) *picture.Picture {
	valid := slices.DeleteFunc(g.Valid(), func(s Summary) bool { return s.Cost() <= 0 })
	if len(valid) == 0 {
		return nil
	}
	slices.SortStableFunc(valid, func(a, b Summary) int { return cmp.Compare(a.Cost(), b.Cost()) })
	names, used := r.processNames(), map[string]bool{}
	p := barPicture("cpu-"+g.slug(), "Processor time a request, "+g.Heading(), valid)
	b := bars{colors: func(_, part int) color.Color { return picture.Shade(part) }}
	for _, s := range valid {
		parts := make([]float64, len(names))
		for i, process := range names {
			parts[i] = s.CPU[process]
			used[process] = used[process] || parts[i] > 0
		}
		b.rows, b.labels = append(b.rows, parts), append(b.labels, decimal(s.Cost()))
	}
	addBars(p, b, "µs of processor time a request, the generator's left out (less is better)", false)
	for i, process := range names {
		if used[process] {
			p.Key(plain(process), picture.Patch{Color: picture.Shade(i)})
		}
	}
	p.Small = r.footnote(g)
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

// barPicture has a row for each strategy, the first at the top.
func barPicture(name, title string, rows []Summary) *picture.Picture {
	p := picture.New(name, title, vg.Length(86+26*len(rows)))
	names := make([]string, len(rows))
	for i, s := range rows {
		// The blanks are room for a browser whose font is wider than the one measured here.
		names[len(rows)-1-i] = clip(plain(s.Strategy), 28) + "   "
	}
	p.Plot.NominalY(names...)
	p.Plot.Y.Min, p.Plot.Y.Max = -0.5, float64(len(rows))-0.5
	return p
}

// addBars draws the bars and sets the axis, which leaves room for their labels.
func addBars(p *picture.Picture, b bars, label string, mayLog bool) {
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
	x := &p.Plot.X
	x.Label.Text, x.Tick.Marker = label, picture.PlainTicks{}
	x.Min, x.Max = 0, max(high, 1e-9)*1.12
	if mayLog && high > low*logFrom {
		x.Scale, x.Tick.Marker = plot.LogScale{}, picture.Decades{}
		x.Label.Text += ", log axis"
		// Bars have to begin somewhere: below the least, so that it can be seen.
		low = max(low, high/logTo)
		x.Min = math.Pow(10, math.Floor(math.Log10(low/1.5)))
		x.Max = high * math.Pow(high/x.Min, 0.12)
	}
	b.style = x.Tick.Label
	b.style.XAlign, b.style.YAlign = text.XLeft, text.YCenter
	p.Grid(true, false)
	p.Plot.Add(b)
}

// named is how many nodes a picture's legend has room for.
const named = 16

// drain is the stock of each node over time, with a line for each mark.
func (r *Report) drain() *picture.Picture {
	p := picture.New("stock", "Stock left on each node", 300)
	if len(r.Stock) > named {
		p.Title = fmt.Sprintf("Stock left on each of %d nodes", len(r.Stock))
		p.Plot.Title.Text = p.Title
	}
	p.Plot.X.Label.Text, p.Plot.Y.Label.Text = "seconds", "tickets"
	p.Plot.X.Tick.Marker, p.Plot.Y.Tick.Marker = picture.PlainTicks{}, picture.PlainTicks{}
	p.Grid(false, true)
	stock := slices.SortedStableFunc(slices.Values(r.Stock), func(a, b Series) int { return strings.Compare(a.Node, b.Node) })
	for i, s := range stock {
		points := make(plotter.XYs, len(s.Levels))
		for j, l := range s.Levels {
			points[j] = plotter.XY{X: l.Seconds, Y: float64(l.Left)}
		}
		line := p.Curve(plain(s.Node), points, i, plotter.PostStep)
		if line != nil && len(r.Stock) > named {
			line.Width, line.Dashes = 0.7, nil
		}
	}
	p.Keyed = p.Keyed && len(r.Stock) <= named
	p.Plot.X.Min, p.Plot.Y.Min = 0, 0
	p.Plot.X.Max, p.Plot.Y.Max = max(p.Plot.X.Max, 0.001), max(p.Plot.Y.Max, 1)
	r.marks(p)
	return p
}

// marks are drawn last, over the curves.
func (r *Report) marks(p *picture.Picture) {
	marks := make([]picture.Mark, len(r.Marks))
	for i, m := range r.Marks {
		marks[i] = picture.Mark{At: m.Seconds, What: m.What}
	}
	p.Mark(marks...)
}
