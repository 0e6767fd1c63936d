package main

import (
	"slices"
)

// ratio is one row of the result.
type ratio struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Low     float64 `json:"low"` // the lowest and the highest of the runs' own ratios
	High    float64 `json:"high"`
	Bound   float64 `json:"bound"`
	AtLeast bool    `json:"at_least"` // the bound is a lower one
}

func (r ratio) kept() bool {
	if r.AtLeast {
		return r.Value >= r.Bound
	}
	return r.Value <= r.Bound
}

func ratioOf(name string, a, b []float64, bound float64, atLeast bool) ratio {
	each := make([]float64, len(a))
	for i := range a {
		each[i] = a[i] / b[i]
	}
	// Each run's own ratio, so that a machine that slows down slows both.
	return ratio{name, median(each), slices.Min(each), slices.Max(each), bound, atLeast}
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}
