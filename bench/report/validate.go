package report

import (
	"errors"
	"fmt"
	"slices"
)

// Validate reports every fault of the report at once, or nil. It does not judge the
// rows: an INVALID row is a valid part of a report.
func (r *Report) Validate() error {
	var v faults
	v.check(len(r.Rows)+len(r.Stock) > 0, "want at least a row or a series of stock")
	for i, row := range r.Rows {
		v.row(fmt.Sprintf("row %d (%q)", i, row.Strategy), row)
	}
	for i, c := range r.Curves {
		where := fmt.Sprintf("curve %d (%q)", i, c.Strategy)
		for j, p := range c.Points {
			v.check(p.Quantile >= 0 && p.Quantile <= 1, "%s: quantile %v: want 0 to 1", where, p.Quantile)
			v.check(j == 0 || p.Quantile >= c.Points[j-1].Quantile, "%s: quantile %v: want them rising", where, p.Quantile)
			v.number(where+": ms", p.Millis)
		}
	}
	for i, s := range r.Stock {
		where := fmt.Sprintf("stock %d (%q): seconds", i, s.Node)
		for _, l := range s.Levels {
			v.number(where, l.Seconds)
		}
	}
	for i, m := range r.Marks {
		v.number(fmt.Sprintf("mark %d (%q): seconds", i, m.What), m.Seconds)
	}
	return errors.Join(v...)
}

// faults are what Validate found.
type faults []error

func (v *faults) check(ok bool, format string, args ...any) {
	if !ok {
		*v = append(*v, fmt.Errorf(format, args...))
	}
}

// most is more than any measurement gives, and little enough to be drawn: an axis of
// still larger numbers has no room left for its ticks.
const most = 1e15

// number refuses what JSON cannot hold (NaN is within no bounds), and what no
// measurement gives.
func (v *faults) number(where string, n float64) {
	v.check(n >= 0 && n <= most, "%s %v: want 0 to %g", where, n, most)
}

func (v *faults) row(where string, r Row) {
	v.check(r.Strategy != "", "%s: want a strategy", where)
	v.check(r.Phase != "", "%s: want a phase", where)
	v.check(r.Loop == LoopOpen || r.Loop == LoopClosed, "%s: loop %q: want %s or %s", where, r.Loop, LoopOpen, LoopClosed)
	v.check(r.Loop != LoopClosed || r.Offered == 0, "%s: offered %v: want 0, the loop is closed", where, r.Offered)
	v.number(where+": rate", r.Rate)
	v.number(where+": offered", r.Offered)
	v.number(where+": generator_busy", r.GeneratorBusy)
	v.number(where+": generator_behind_ms", r.GeneratorBehind)
	for _, process := range sortedKeys(r.CPU) {
		v.number(where+": cpu_us of "+process, r.CPU[process])
	}
	known := []string{ClassSold, ClassSoldOut, ClassLimited, ClassBusy, ClassError}
	for _, class := range sortedKeys(r.Classes) {
		v.check(slices.Contains(known, class), "%s: class %q: want one of %v", where, class, known)
		q := r.Classes[class]
		for _, ms := range []float64{q.P50, q.P95, q.P99, q.P999, q.Max} {
			v.number(where+": ms of "+class, ms)
		}
	}
}
