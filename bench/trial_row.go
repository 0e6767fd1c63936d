package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"onsale/bench/generator"
	"onsale/bench/judge"
	"onsale/bench/report"
	"onsale/bench/strategy"
	"onsale/internal/sale"
)

// saleOrders are a strategy's orders, each of one ticket and held.
func saleOrders(orders []strategy.Order) []sale.Order {
	all := make([]sale.Order, len(orders))
	for i, o := range orders {
		all[i] = sale.Order{ID: sale.OrderID(o.ID), Buyer: sale.Buyer(o.Buyer), Quantity: 1, State: sale.StateHeld, Created: sale.Instant(o.At.UnixMilli())}
	}
	return all
}

// durability is what an acknowledged order survives.
func durability(e strategy.Entry) string {
	switch {
	case !e.Durable:
		return "none"
	case e.Stores.Postgres:
		return "PostgreSQL, synchronous_commit=on"
	}
	return "Redis, appendfsync always"
}

// fill puts what the generator saw and what the audit found into the row.
func fill(row *report.Row, run generator.Run, v judge.Verdict) {
	row.Intended, row.Sent, row.Completed, row.Dropped = run.Intended, run.Sent, run.Completed, run.Dropped
	row.Rate = float64(run.Completed) / run.Seconds
	row.Classes = map[string]report.Quantiles{}
	for class, l := range run.Latencies {
		row.Classes[string(class)] = quantilesOf(l)
	}
	row.CPU = map[string]float64{report.Generator: run.CPUSeconds * 1e6 / float64(max(1, run.Completed))}
	row.GeneratorBusy, row.GeneratorBehind = run.CPUSeconds/run.Seconds, millis(run.Behind)
	row.Oversold, row.Unsold, row.Duplicates, row.LostAcks, row.FalseSoldOut = v.Oversold, v.Unsold, v.Duplicates, v.LostAcks, v.FalseSoldOut
	row.Faults = v.Broken()
	for _, kind := range slices.Sorted(maps.Keys(run.Errors)) {
		if kind == generator.WrongQuantity {
			continue // the judge has it
		}
		row.Faults = append(row.Faults, fmt.Sprintf("%s: %d", kind, run.Errors[kind]))
	}
}

func quantilesOf(l *generator.Latency) report.Quantiles {
	return report.Quantiles{
		Count: l.Count(), P50: millis(l.Quantile(.5)), P95: millis(l.Quantile(.95)), P99: millis(l.Quantile(.99)),
		P999: millis(l.Quantile(.999)), Max: millis(l.Max()),
	}
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// curveQuantiles are the points of a latency curve: denser towards the end, where it matters.
var curveQuantiles = []float64{0, .1, .25, .5, .75, .9, .95, .975, .99, .995, .999, .9999, 1}

func curves(row report.Row, run generator.Run) (all []report.Curve) {
	for _, class := range slices.Sorted(maps.Keys(run.Latencies)) {
		c := report.Curve{Strategy: row.Strategy, Phase: row.Phase, Loop: row.Loop, Offered: row.Offered, Repeat: row.Repeat, Class: string(class)}
		for _, q := range curveQuantiles {
			c.Points = append(c.Points, report.Point{Quantile: q, Millis: float64(run.Latencies[class].Quantile(q).Microseconds()) / 1000})
		}
		all = append(all, c)
	}
	return all
}
