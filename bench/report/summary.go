package report

import (
	"fmt"
	"slices"
)

// Summary is a strategy's repeats under one load, taken together: medians of what was
// measured, so that one disturbed repeat does not decide; the worst of what was
// dropped or promised, because a ticket sold twice in one of seven repeats was sold twice.
type Summary struct {
	Row
	Repeats int
	// Low and High are the least and the greatest throughput of a repeat.
	Low, High float64
	// Elsewhere are the other phases and loads in which the strategy is INVALID.
	Elsewhere []string
}

// Summarise takes together the rows that differ only in their repeat. The result keeps
// the order in which they first appear. A fault of any repeat makes the summary INVALID.
func Summarise(rows []Row) []Summary {
	type load struct {
		strategy, phase, loop string
		offered               float64
	}
	var order []load
	repeats := map[load][]Row{}
	for _, r := range rows {
		l := load{r.Strategy, r.Phase, r.Loop, r.Offered}
		if repeats[l] == nil {
			order = append(order, l)
		}
		repeats[l] = append(repeats[l], r)
	}
	all := make([]Summary, len(order))
	for i, l := range order {
		all[i] = summarise(repeats[l])
	}
	return all
}

// summarise takes together the repeats of one load; there is at least one.
func summarise(rows []Row) Summary {
	s := Summary{Row: rows[0], Repeats: len(rows)}
	if len(rows) == 1 {
		s.Low, s.High = s.Throughput(), s.Throughput()
		return s
	}
	s.Repeat, s.Lacks, s.Faults = 0, nil, nil
	for _, f := range []func(*Row) *int64{
		func(r *Row) *int64 { return &r.Intended }, func(r *Row) *int64 { return &r.Sent },
		func(r *Row) *int64 { return &r.Completed },
	} {
		*f(&s.Row) = median(each(rows, func(r Row) int64 { return *f(&r) }))
	}
	for _, f := range []func(*Row) *int64{
		func(r *Row) *int64 { return &r.Dropped },
		func(r *Row) *int64 { return &r.Oversold }, func(r *Row) *int64 { return &r.Unsold }, func(r *Row) *int64 { return &r.Duplicates },
		func(r *Row) *int64 { return &r.LostAcks }, func(r *Row) *int64 { return &r.FalseSoldOut },
	} {
		*f(&s.Row) = slices.Max(each(rows, func(r Row) int64 { return *f(&r) }))
	}
	s.Rate = median(each(rows, func(r Row) float64 { return r.Rate }))
	s.GeneratorBehind = slices.Max(each(rows, func(r Row) float64 { return r.GeneratorBehind }))
	s.GeneratorBusy = slices.Max(each(rows, func(r Row) float64 { return r.GeneratorBusy }))
	s.Classes = medianClasses(rows)
	s.CPU = medians(rows, func(r Row) map[string]float64 { return r.CPU })
	s.Memory = medians(rows, func(r Row) map[string]int64 { return r.Memory })
	throughputs := each(rows, Row.Throughput)
	s.Low, s.High = slices.Min(throughputs), slices.Max(throughputs)
	for _, r := range rows {
		for _, lack := range r.Lacks {
			if !slices.Contains(s.Lacks, lack) {
				s.Lacks = append(s.Lacks, lack)
			}
		}
		for _, fault := range r.Faults {
			s.Faults = append(s.Faults, fmt.Sprintf("repeat %d: %s", r.Repeat, fault))
		}
	}
	return s
}

// medianClasses takes each class apart. A repeat without an answer of a class counts 0
// of them, and has no part in their latency.
func medianClasses(rows []Row) map[string]Quantiles {
	counts := medians(rows, func(r Row) map[string]int64 {
		n := map[string]int64{}
		for _, other := range rows {
			for class := range other.Classes {
				n[class] = r.Classes[class].Count
			}
		}
		return n
	})
	quantile := func(of func(Quantiles) float64) map[string]float64 {
		return medians(rows, func(r Row) map[string]float64 {
			ms := map[string]float64{}
			for class, q := range r.Classes {
				ms[class] = of(q)
			}
			return ms
		})
	}
	p50, p95 := quantile(func(q Quantiles) float64 { return q.P50 }), quantile(func(q Quantiles) float64 { return q.P95 })
	p99, p999 := quantile(func(q Quantiles) float64 { return q.P99 }), quantile(func(q Quantiles) float64 { return q.P999 })
	most := quantile(func(q Quantiles) float64 { return q.Max })
	classes := make(map[string]Quantiles, len(counts))
	for class, n := range counts {
		classes[class] = Quantiles{n, p50[class], p95[class], p99[class], p999[class], most[class]}
	}
	return classes
}

// medians is the median of each key over the rows that have it.
func medians[N int64 | float64](rows []Row, of func(Row) map[string]N) map[string]N {
	values := map[string][]N{}
	for _, r := range rows {
		for key, v := range of(r) {
			values[key] = append(values[key], v)
		}
	}
	middle := make(map[string]N, len(values))
	for key, v := range values {
		middle[key] = median(v)
	}
	return middle
}

// median is the middle one, or the mean of the middle two.
func median[N int64 | float64](v []N) N {
	s := slices.Sorted(slices.Values(v))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}

func each[N any](rows []Row, of func(Row) N) []N {
	v := make([]N, len(rows))
	for i, r := range rows {
		v[i] = of(r)
	}
	return v
}
