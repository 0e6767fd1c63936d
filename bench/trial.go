package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/bench/report"
)

// phase is one way to load a strategy.
type phase struct {
	name, loop string
}

// comparePhases are what every repeat measures. The open loops are what buyers feel;
// the closed ones find the capacity, and are labelled so.
var comparePhases = []phase{
	{report.PhaseHit, report.LoopOpen}, {report.PhaseHit, report.LoopClosed},
	{report.PhaseSoldOut, report.LoopOpen}, {report.PhaseSoldOut, report.LoopClosed},
	{report.PhaseSpike, report.LoopOpen},
}

// trial measures one contender.
type trial struct {
	compare   *compare
	contender *contender
	generator *generator.Process
	sales     int
	capacity  map[string]float64 // answers a second in a closed loop, by phase, from warming up
	fell      bool               // it can't be measured any more
}

// fallen enters what ended a contender as an INVALID row. The others go on.
func (t *trial) fallen(r *report.Report, p phase, repeat int, err error) {
	t.fell = true
	row := t.row(p, repeat, 0)
	row.Faults = []string{"it could not be measured any more: " + err.Error()}
	r.Rows = append(r.Rows, row)
	r.Notes = append(r.Notes, fmt.Sprintf("%s fell in %s, %s loop of repeat %d, and what was left to measure of it is missing.", t.contender.Name, p.name, p.loop, repeat))
}

// row is a phase's, without what is measured.
func (t *trial) row(p phase, repeat int, rate float64) report.Row {
	return report.Row{
		Strategy: t.contender.Name, Title: t.contender.Title, Phase: p.name, Loop: p.loop, Repeat: repeat, Offered: rate,
		Durability: durability(t.contender.Entry), Lacks: t.contender.Lacks,
	}
}

// warm fills pools and caches, and finds how many requests a measurement takes.
func (t *trial) warm(ctx context.Context) error {
	t.capacity = map[string]float64{}
	for _, name := range []string{report.PhaseHit, report.PhaseSoldOut} {
		warmth := t.compare.Warmth
		id, err := t.sale(ctx, map[string]int64{report.PhaseHit: int64(warmth), report.PhaseSoldOut: 1}[name])
		if err != nil {
			return err
		}
		if name == report.PhaseSoldOut {
			if _, err := t.sellOut(ctx, id); err != nil {
				return err
			}
		}
		run, err := t.generator.Run(ctx, t.order(id, warmth, 0))
		if err != nil {
			return err
		}
		t.capacity[name] = float64(run.Completed) / run.Seconds
	}
	return nil
}

// sale opens a sale that nobody has bought from.
func (t *trial) sale(ctx context.Context, total int64) (string, error) {
	t.sales++
	id := fmt.Sprintf("%s-%d", t.contender.Name, t.sales)
	return id, t.contender.open(ctx, id, total)
}

// firstBuyer keeps the buyers of a phase apart from the one who sells it out.
const firstBuyer = 1

// askTwiceEvery is which share of the requests comes from a buyer who has just asked: every
// tenth, as impatient people do.
const askTwiceEvery = 10

// sellOut buys the one ticket of a sale.
func (t *trial) sellOut(ctx context.Context, id string) (generator.Run, error) {
	o := t.order(id, 1, 0)
	o.First, o.Connections, o.Again = 0, 1, 0
	run, err := t.generator.Run(ctx, o)
	if err == nil && run.Latencies[generator.ClassSold].Count() != 1 {
		err = fmt.Errorf("the one ticket of %s was not sold: %v %v", id, run.Statuses, run.Errors)
	}
	return run, err
}

func (t *trial) order(id string, requests int, rate float64) generator.Order {
	return generator.Order{
		Addr: t.contender.addr, Sale: id, First: firstBuyer, Requests: requests, Again: askTwiceEvery, Connections: t.compare.Connections,
		Rate: rate, Late: time.Second, Timeout: 10 * time.Second,
	}
}

// plan is how many tickets and requests the phase has, and at which rate they come.
func (t *trial) plan(p phase) (total int64, requests int, rate float64) {
	seconds := t.compare.For.Seconds()
	switch {
	case p.loop == report.LoopClosed:
		requests = int(t.capacity[p.name] * seconds)
	case p.name == report.PhaseSpike:
		rate = t.compare.SpikeRate
	case p.name == report.PhaseSoldOut:
		rate = t.compare.SpikeRate
	default:
		rate = t.compare.Rate
	}
	if rate > 0 {
		requests = int(rate * seconds)
	}
	requests = min(max(requests, 200), compareMaxBuyers-firstBuyer)
	switch p.name {
	case report.PhaseHit:
		total = int64(requests)
	case report.PhaseSoldOut:
		total = 1
	default:
		total = int64(requests / 10)
	}
	return total, requests, rate
}

// run measures one phase on a new sale, and audits it.
func (t *trial) run(ctx context.Context, p phase, repeat int) (report.Row, []report.Curve, error) {
	total, requests, rate := t.plan(p)
	row := t.row(p, repeat, rate)
	opened := time.Now()
	id, err := t.sale(ctx, total)
	if err != nil {
		return row, nil, err
	}
	var before generator.Run
	if p.name == report.PhaseSoldOut {
		if before, err = t.sellOut(ctx, id); err != nil {
			return row, nil, err
		}
	}
	if err := settleMemory(); err != nil {
		return row, nil, err
	}
	used, err := t.used()
	if err != nil {
		return row, nil, err
	}
	profiled := func() error { return nil }
	if t.compare.Profile && p == (phase{report.PhaseHit, report.LoopClosed}) {
		profiled = t.profile(ctx, repeat)
	}
	run, err := t.generator.Run(ctx, t.order(id, requests, rate))
	if err = errors.Join(err, profiled()); err != nil {
		return row, nil, err
	}
	after, err := t.used()
	if err != nil {
		return row, nil, err
	}
	orders, err := t.contender.sold(ctx, id)
	if err != nil {
		return row, nil, err
	}
	records := judge.FromOrders(total, saleOrders(orders))
	fill(&row, run, judge.Judge(records, judge.FromRun(before).And(judge.FromRun(run))))
	if n := judge.Misdated(records.Orders, opened, time.Now()); n > 0 {
		row.Faults = append(row.Faults, fmt.Sprintf("orders from outside the sale's time: %d", n))
	}
	for name := range after {
		row.CPU[name] = (after[name] - used[name]) * 1e6 / float64(max(1, run.Completed))
	}
	row.Memory, err = t.memory()
	return row, curves(row, run), err
}

// profile has the server profiled while it sells, and returns what waits for the
// file.
func (t *trial) profile(ctx context.Context, repeat int) (wait func() error) {
	seconds := max(1, int(t.compare.For.Seconds()*3/4))
	file := filepath.Join(t.compare.Out, fmt.Sprintf("server-%s-%d.pprof", t.contender.Name, repeat))
	done := make(chan error, 1)
	go func() { done <- fetch(ctx, t.contender.profile(seconds), t.contender.token, file) }()
	return func() error { return <-done }
}

// fetch saves what the URL answers to who has the token.
func fetch(ctx context.Context, url, token, file string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return save(file, func(w io.Writer) error {
		_, err := io.Copy(w, answer.Body)
		return err
	})
}

// used is the processor time in seconds of each of the contender's processes.
func (t *trial) used() (map[string]float64, error) {
	used := map[string]float64{}
	for name, pid := range t.contender.pids {
		seconds, err := cpuOf([]int{pid})
		if err != nil {
			return nil, err
		}
		used[name] = seconds
	}
	return used, nil
}

// memory is what each of the contender's processes holds, in bytes.
func (t *trial) memory() (map[string]int64, error) {
	held := map[string]int64{}
	for name, pid := range t.contender.pids {
		bytes, err := resident(pid)
		if err != nil {
			return nil, err
		}
		held[name] = bytes
	}
	return held, nil
}
