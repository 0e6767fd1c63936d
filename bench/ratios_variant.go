package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"onsale/bench/generator"
	"onsale/internal/sale"
	"onsale/internal/testbed"
)

// variant is one thing measured.
type variant struct {
	name   string
	addr   string
	pids   []int                         // whose processor time counts
	sale   func(run int) (string, error) // prepares a sale for the run
	site   *site                         // that the sale is on; nil: it sells nothing
	orders int
	status int                    // what every answer must be
	adjust func(*generator.Order) // of what is sent; nil: purchases
	// begin is called before each run; end, which may be nil, after it. Neither counts. nil: nothing is to be done.
	begin func(ctx context.Context) (end func() error, err error)

	repeated int // runs made again
	micros   []float64
	each     [][]float64 // the same, by process, in the order of pids
	rates    []float64
}

// maxAttemptsPerRun bounds how often one run is made again.
const maxAttemptsPerRun = 4

// measure makes one run. A run in which Redis stalled, so that buyers were answered
// of it or their claims were sent again, shows nothing about cost: it is made again with a new sale, and counted.
func (v *variant) measure(ctx context.Context, g *generator.Process, connections, run int) error {
	for range maxAttemptsPerRun {
		done, err := v.attempt(ctx, g, connections, run)
		if done || err != nil {
			return err
		}
		v.repeated++
	}
	return fmt.Errorf("%s: redis stalled in %d runs in a row", v.name, maxAttemptsPerRun)
}

// stalled reports whether Redis has: buyers were answered of it, or with 200 in place of 201, as their claims or joins
// took longer than a call may and were sent again.
func stalled(statuses map[int]int64, want int) bool {
	return statuses[http.StatusServiceUnavailable] > 0 || want == http.StatusCreated && statuses[http.StatusOK] > 0
}

// attempt sends one run's requests, and notes cost and rate if all were
// answered as they should be.
func (v *variant) attempt(ctx context.Context, g *generator.Process, connections, run int) (done bool, err error) {
	id, err := v.sale(run)
	if err != nil {
		return false, err
	}
	if err := settleMemory(); err != nil {
		return false, err
	}
	if v.begin != nil {
		end, berr := v.begin(ctx)
		if berr != nil {
			return false, berr
		}
		if end != nil {
			defer func() { err = errors.Join(err, end()) }()
		}
	}
	before, err := cpuOfEach(v.pids)
	if err != nil {
		return false, err
	}
	o := generator.Order{Addr: v.addr, Sale: id, Requests: v.orders, Connections: min(connections, v.orders), Timeout: 20 * time.Second}
	if v.adjust != nil {
		v.adjust(&o)
	}
	b, err := g.Run(ctx, o)
	if v.site != nil {
		v.site.answered(sale.ID(id), b)
	}
	if err != nil {
		return false, err
	}
	after, err := cpuOfEach(v.pids)
	if err != nil {
		return false, err
	}
	if stalled(b.Statuses, v.status) {
		logLine(fmt.Sprintf("%s: answers %v, running again", v.name, b.Statuses))
		return false, nil
	}
	if b.Statuses[v.status] != int64(v.orders) {
		return false, fmt.Errorf("%s: answers %v, want %d of %d; errors %v", v.name, b.Statuses, v.orders, v.status, b.Errors)
	}
	sum, each := 0.0, make([]float64, len(v.pids))
	for i := range each {
		each[i] = (after[i] - before[i]) / float64(v.orders) * 1e6
		sum += each[i]
	}
	v.micros, v.each = append(v.micros, sum), append(v.each, each)
	v.rates = append(v.rates, float64(v.orders)/b.Seconds)
	return true, nil
}

func cpuOf(pids []int) (sum float64, err error) {
	each, err := cpuOfEach(pids)
	for _, t := range each {
		sum += t
	}
	return sum, err
}

func cpuOfEach(pids []int) (each []float64, err error) {
	for _, pid := range pids {
		t, err := testbed.CPUTime(pid)
		if err != nil {
			return nil, err
		}
		each = append(each, t)
	}
	return each, nil
}

// byProcess are the medians of each process alone: the server is the first, and Redis the second, if there is one.
func (v *variant) byProcess() map[string]float64 {
	medians := map[string]float64{}
	for i, process := range []string{"server", "redis"}[:len(v.pids)] {
		var runs []float64
		for _, each := range v.each {
			runs = append(runs, each[i])
		}
		medians[process] = median(runs)
	}
	return medians
}
