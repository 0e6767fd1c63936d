package picture

import (
	"math"
	"strings"

	"gonum.org/v1/plot"
)

// Decades marks powers of ten, for log axes.
type Decades struct{}

// Ticks implements [plot.Ticker].
func (Decades) Ticks(low, high float64) (ticks []plot.Tick) {
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		ticks = append(ticks, plot.Tick{Value: math.Pow(10, e), Label: Short(math.Pow(10, e))})
		for digit := 2.0; digit < 10; digit++ {
			ticks = append(ticks, plot.Tick{Value: digit * math.Pow(10, e)})
		}
	}
	return ticks
}

// PlainTicks are gonum's, written as people write numbers.
type PlainTicks struct{}

// Ticks implements [plot.Ticker].
func (PlainTicks) Ticks(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = Short(t.Value)
		}
	}
	return ticks
}

// Short writes an axis' number: whole ones with thousands set apart, others as short as
// they can be.
func Short(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return Thousands(int64(v))
	}
	return strings.TrimRight(strings.TrimRight(Number(v), "0"), ".")
}
