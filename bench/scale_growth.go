package main

import (
	"math"
	"slices"
)

// fit finds the exponents. A figure that is not above zero, as noise makes
// one of what is above idle, has no logarithm and is left out.
func (r *scaleResult) fit() {
	for _, perNode := range []bool{true, false} {
		kind := map[bool]string{true: "equal per node", false: "equal in all"}[perNode]
		figures := map[string]func(scaleRow) float64{
			"cpu per request, " + kind:            func(r scaleRow) float64 { return r.CPUAll },
			"cpu per request above idle, " + kind: func(r scaleRow) float64 { return r.CPUAbove },
			"calls per claim, " + kind:            func(r scaleRow) float64 { return r.CallsClaim },
		}
		for name, of := range figures {
			var x, y []float64
			for _, row := range r.Rows {
				if row.PerNode == perNode && row.Nodes >= fitFromNodes && of(row) > 0 {
					x, y = append(x, float64(row.Nodes)), append(y, of(row))
				}
			}
			if len(x) > 1 && slices.Min(x) < slices.Max(x) {
				r.Exponents[name] = exponent(x, y)
			}
		}
	}
}

// fitFromNodes is from how many nodes on a row counts for the exponents.
const fitFromNodes = 10

// exponent is the slope of log y over log x, by least squares.
func exponent(x, y []float64) float64 {
	var sx, sy, sxx, sxy float64
	for i := range x {
		lx, ly := math.Log(x[i]), math.Log(y[i])
		sx, sy, sxx, sxy = sx+lx, sy+ly, sxx+lx*lx, sxy+lx*ly
	}
	n := float64(len(x))
	return (n*sxy - sx*sy) / (n*sxx - sx*sx)
}
