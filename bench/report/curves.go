package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"onsale/internal/picture"
)

// leastMillis is the lowest latency that a log axis shows. The generator counts µs.
const leastMillis = 0.001

// latencies are a picture for each class of answers that the group has curves of.
func (r *Report) latencies(g Group) (all []*picture.Picture) {
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
func (r *Report) latency(g Group, class string, curves []Curve) *picture.Picture {
	title := fmt.Sprintf("Latency of “%s”, %s", plain(class), g.Heading())
	p := picture.New("latency-"+g.slug()+"-"+file(class), title, 320)
	p.Plot.X.Label.Text, p.Plot.Y.Label.Text = "percentile of the answers", "ms, log axis (less is better)"
	p.Plot.Y.Scale, p.Plot.Y.Tick.Marker = plot.LogScale{}, picture.Decades{}
	p.Plot.X.Tick.Marker = percentiles{}
	p.Grid(true, true)
	for _, c := range curves {
		p.Curve(plain(c.Strategy), drawn(c), r.index(c.Strategy), plotter.NoStep)
	}
	p.Plot.X.Min, p.Plot.X.Max = 0, max(p.Plot.X.Max, 1)
	// Whole decades: the curves are then read against labelled lines.
	p.Plot.Y.Min = math.Pow(10, math.Floor(math.Log10(p.Plot.Y.Min)))
	p.Plot.Y.Max = max(math.Pow(10, math.Ceil(math.Log10(p.Plot.Y.Max))), p.Plot.Y.Min*10)
	p.Small = r.footnote(g)
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
