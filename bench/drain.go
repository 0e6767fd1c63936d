package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"onsale/bench/generator"
	"onsale/bench/report"
	"onsale/internal/remotestock"
)

// drainWatch notes what each node has left of its slice, as Redis counts it.
type drainWatch struct {
	start time.Time
	nodes map[string][]report.Level
}

// follow looks until ctx ends; while Redis is away there is nothing to see.
func (w *drainWatch) follow(ctx context.Context, store *remotestock.Store) {
	w.nodes = map[string][]report.Level{}
	for ; ctx.Err() == nil; sleep(ctx, 50*time.Millisecond) {
		survey, err := store.Survey(ctx, saleID)
		if err != nil {
			continue
		}
		left := map[string]int64{}
		for node := range w.nodes {
			left[node] = 0 // the plan may count on it no more
		}
		for _, share := range survey.Shares {
			left[share.Node] = max(0, share.Slice-share.Claimed)
		}
		at := time.Since(w.start).Seconds()
		for node, n := range left {
			levels := w.nodes[node]
			if len(levels) == 0 || levels[len(levels)-1].Left != n {
				w.nodes[node] = append(levels, report.Level{Seconds: at, Left: n})
			}
		}
	}
}

// page writes the run as a report: what buyers felt, what it cost, and how the
// stock of every node drained while parts died.
func (h *headline) page(ctx context.Context, r *result, w *drainWatch) error {
	rep := newReport(ctx)
	rep.Title = "A sale, from the first ticket to the last"
	var served int64
	for _, l := range r.decisions {
		served += l.Count()
	}
	came := served + r.GaveUp + r.undecided
	each := float64(max(1, came))
	row := report.Row{
		Strategy: ours, Title: fmt.Sprintf("%d nodes behind Nginx, with an allocator and a ledger", h.Nodes),
		Phase: fmt.Sprintf("%d buyers for %d tickets", h.Buyers, h.Tickets), Loop: report.LoopClosed, Offered: h.Rate, Repeat: 1,
		Intended: came, Sent: came, Completed: served, Rate: float64(served) / r.Seconds,
		Classes: map[string]report.Quantiles{}, CPU: map[string]float64{},
		Oversold: r.Oversold, Unsold: r.Unsold, Duplicates: r.DuplicateOrders, LostAcks: r.LostAcks, FalseSoldOut: r.FalseSoldOut,
		Durability: "Redis, appendfsync always", Faults: r.Faults,
	}
	if h.Rate > 0 {
		row.Loop = report.LoopOpen
	}
	for kind, seconds := range r.CPU {
		row.CPU[kind] = seconds * 1e6 / each
	}
	row.CPU[report.Generator] = r.BuyersCPU * 1e6 / each
	row.GeneratorBusy = r.BuyersCPU / r.Seconds
	for class, l := range r.decisions {
		row.Classes[string(class)] = quantilesOf(l)
	}
	rep.Rows, rep.Curves = []report.Row{row}, curves(row, generator.Run{Latencies: r.decisions})
	for _, node := range slices.Sorted(maps.Keys(w.nodes)) {
		rep.Stock = append(rep.Stock, report.Series{Node: node, Levels: w.nodes[node]})
	}
	for _, e := range r.Events {
		rep.Marks = append(rep.Marks, report.Mark{Seconds: e.Seconds, What: e.What})
	}
	rep.Notes = []string{
		"A buyer's latency counts from when the buyer was due until the definite answer: lost connections, answers of unavailability and the waits between them are part of it.",
		"The stock is what Redis leaves each node of its slice, looked at every 50 ms; a node that the plan no longer counts on has none.",
	}
	if r.Interrupted {
		rep.Notes = append(rep.Notes, fmt.Sprintf("INTERRUPTED: %d of %d buyers had come.", came, h.Buyers))
	}
	return save(h.HTML, func(to io.Writer) error { return rep.WriteHTML(to, ours) })
}
