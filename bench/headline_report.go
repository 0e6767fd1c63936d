package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"onsale/bench/generator"
	"onsale/bench/report"
)

// show is the run in tables: what its audit counted, and what it measured.
func (r *headlineResult) show() report.Sheet {
	sold := report.Table{Head: []string{"audit", "count"}}
	sold.Add("tickets", r.Tickets)
	sold.Add("sold", r.Sold)
	for _, b := range r.Verdict.All() {
		sold.Add(b.Promise, b.Count)
	}
	t := report.Table{Head: []string{"what", "figure"}}
	t.Add("requests", fmt.Sprintf("%d in %.1f s", r.Requests, r.Seconds))
	for _, answer := range slices.Sorted(maps.Keys(r.Answers)) {
		t.Add("answers "+answer, r.Answers[answer])
	}
	t.Add("lost answers", r.LostAnswers)
	t.Add("buyers who gave up", r.GaveUp)
	t.Add("claims, refused, script calls", fmt.Sprintf("%d, %d (at most %d), %d", r.Claims, r.ClaimsRefused, r.RefusedBound, r.ScriptCalls))
	t.Add("first to last ticket", fmt.Sprintf("%.1f s", r.SoldOutAt))
	t.Add("ledger done after the last hold", fmt.Sprintf("%.2f s", r.LedgerSeconds))
	t.Add("request, p50 / p99 / max", millisOf(r.Latency))
	for _, class := range slices.Sorted(maps.Keys(r.Decision)) {
		t.Add("buyer's wait until "+class+", p50 / p99 / max", millisOf(r.Decision[class]))
	}
	for _, kind := range slices.Sorted(maps.Keys(r.CPU)) {
		t.Add("processor time, "+kind, fmt.Sprintf("%.1f s", r.CPU[kind]))
	}
	t.Add("processor time, buyers", fmt.Sprintf("%.1f s", r.BuyersCPU))
	events := report.Table{Head: []string{"second", "event", "tickets left"}}
	for _, e := range r.Events {
		events.Add(fmt.Sprintf("%.2f", e.Seconds), e.What, e.Remaining)
	}
	tables := []report.Table{sold, t}
	if len(r.Events) > 0 {
		tables = append(tables, events)
	}
	return r.sheet(headlineTitle, tables...)
}

func millisOf(q quantiles) string { return fmt.Sprintf("%.1f / %.1f / %.1f ms", q.P50, q.P99, q.Max) }

const headlineTitle = "A sale, from the first ticket to the last"

// page is the run as a report with pictures: what buyers felt, what it cost, and how the
// stock of every node drained while parts died.
func (r *headlineResult) page() *report.Report {
	rep := &report.Report{Title: headlineTitle, Header: r.Header}
	var served int64
	for _, l := range r.decisions {
		served += l.Count()
	}
	came := served + r.GaveUp + r.unanswered
	each := float64(max(1, came))
	row := report.Row{
		Strategy: onsaleStrategy, Title: fmt.Sprintf("%d nodes behind Nginx, with an allocator and a ledger", r.Nodes),
		Phase: fmt.Sprintf("%d buyers for %d tickets", r.Buyers, r.Tickets), Loop: report.LoopClosed, Offered: r.Rate, Repeat: 1,
		Intended: came, Sent: came, Completed: served, Rate: float64(served) / r.Seconds,
		Classes: map[string]report.Quantiles{}, CPU: map[string]float64{},
		Oversold: r.Oversold, Unsold: r.Unsold, Duplicates: r.Duplicates, LostAcks: r.LostAcks, FalseSoldOut: r.FalseSoldOut,
		Durability: "Redis, appendfsync always", Faults: r.Faults,
	}
	if r.Rate > 0 {
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
	for _, node := range slices.Sorted(maps.Keys(r.nodes)) {
		rep.Stock = append(rep.Stock, report.Series{Node: node, Levels: r.nodes[node]})
	}
	for _, e := range r.Events {
		rep.Marks = append(rep.Marks, report.Mark{Seconds: e.Seconds, What: e.What})
	}
	rep.Notes = []string{
		"A buyer's latency counts from when the buyer was due until the definite answer: lost connections, answers of unavailability and the waits between them are part of it.",
		"The stock is what Redis leaves each node of its slice, read every 50 ms; a node that the plan no longer counts on has none.",
	}
	if r.Interrupted {
		rep.Notes = append(rep.Notes, fmt.Sprintf("INTERRUPTED: %d of %d buyers had come.", came, r.Buyers))
	}
	return rep
}

// salePage is a headline's result with the pictures of its report.
type salePage struct {
	published
	report *report.Report
}

func (p salePage) WriteHTML(w io.Writer) error { return p.report.WriteHTML(w, onsaleStrategy) }

func (p salePage) WriteFiles(folder string) ([]string, error) { return p.report.WriteSVG(folder) }
