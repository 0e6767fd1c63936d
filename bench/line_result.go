package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"onsale/bench/judge"
	"onsale/bench/report"
)

// lineResult is what came out of a run of the line.
type lineResult struct {
	outcome

	Buyers  int              `json:"buyers"`
	Tickets int              `json:"tickets"`
	Nodes   int              `json:"nodes"`
	Joins   []joinResult     `json:"joins"`
	Lost    int64            `json:"places_lost"` // acknowledged, and new when they were asked for again
	Without int              `json:"buyers_without_place"`
	Draw    drawResult       `json:"draw"`
	Sale    saleResult       `json:"sale"`
	Returns returnsResult    `json:"returns"`
	Hostile hostileResult    `json:"hostile"`
	Memory  map[string]int64 `json:"memory_bytes"` // peaks

	Sold int64 `json:"sold"`
	judge.Verdict
	Beyond     int `json:"orders_before_their_turn"`
	Unadmitted int `json:"orders_of_hostile_buyers"`

	opened time.Time
	curve  []lineLook
}

func newLineResult(ctx context.Context, l *lineRun) *lineResult {
	r := &lineResult{
		outcome: newOutcome(ctx), Buyers: l.Buyers, Tickets: l.Tickets, Nodes: l.Nodes, Memory: map[string]int64{},
		Draw: drawResult{Nodes: map[string]float64{}},
		Sale: saleResult{Visits: map[visitEnd]int{}, CPU: map[string]float64{}},
		Hostile: hostileResult{
			Buyers: map[role]int{}, Tried: map[role]int{}, Got: map[role]int{}, Answers: map[string]int64{},
		},
	}
	roles := newRoles(l)
	for i := range roles.hostile {
		r.Hostile.Buyers[roles.of(i)]++
	}
	return r
}

// judge lists every broken promise, every bound that was missed, and what the run did not show.
func (r *lineResult) judge() {
	none := func(n int64, what string) {
		if n != 0 {
			r.Faults = append(r.Faults, fmt.Sprintf("%s: %d", what, n))
		}
	}
	for _, j := range r.Joins {
		none(int64(j.GaveUp), "buyers who joined "+j.Name+" and got no place")
		none(int64(j.Differs), "places answered "+j.Name+" that differ from those of before")
	}
	none(r.Lost, "places that were acknowledged and lost")
	none(int64(r.Draw.Missing), "buyers with a place who were not drawn, or whose position another has")
	none(int64(r.Draw.Differ), "positions that nodes answer and the published list does not have")
	if r.Draw.ChiSquare > maxChiSquare {
		r.Faults = append(r.Faults, fmt.Sprintf("χ² of order of joining and position is %.0f, more than %d", r.Draw.ChiSquare, maxChiSquare))
	}
	none(int64(r.Sale.TooSoon), "answers that the turn had not come, to buyers whose turn it was")
	none(int64(r.Sale.Differ), "places in turn that differ from those of before")
	none(int64(r.Sale.Late.Passed), "moves of the front while somebody waited in the late line")
	for _, is := range slices.Sorted(maps.Keys(r.Hostile.Got)) {
		none(int64(r.Hostile.Got[is]), "successes of one who "+string(is))
	}
	none(int64(r.Beyond), "orders from before their buyer's turn")
	none(int64(r.Unadmitted), "orders of hostile buyers")
	r.Faults = append(r.Faults, r.Verdict.Broken()...)
	if r.Interrupted {
		r.Unshown = nil // it was not given the time
		return
	}
	none(int64(r.Without), "buyers without a place")
	none(int64(r.Sale.Visits[endNoAnswer]), "buyers in turn without an answer")
	none(int64(r.Tickets)-r.Sold, "tickets unsold")
	r.bounds()
}

// awayShare is how many joins may be answered 503 while Redis is there: where others have the processors, a call may take too long. Whoever
// is answered so joins again.
const awayShare = 0.001

// bounds lists what was missed, and not shown.
func (r *lineResult) bounds() {
	for _, j := range r.Joins {
		away := int64(0)
		for _, n := range j.Outside {
			away += n
		}
		if float64(away) > awayShare*float64(j.Buyers) {
			r.Missed = append(r.Missed, fmt.Sprintf("%d joins %s were answered 503 while Redis was there: %s", away, j.Name, counted(j.Outside)))
		}
	}
	if n := r.Sale.Visits[endRefused]; n > refusedPeople && r.Sale.Share > refusedShare {
		r.Missed = append(r.Missed, fmt.Sprintf("%d of those in turn found the sale sold out, %.2f %%", n, 100*r.Sale.Share))
	}
	if max := turnToOrder.Seconds() * 1000; r.Returns.Orders.Max > max {
		r.Missed = append(r.Missed, fmt.Sprintf("somebody next in turn got a returned ticket %.1f s after the turn", r.Returns.Orders.Max/1000))
	}
	shown := func(n int, what string) {
		if n == 0 {
			r.Unshown = append(r.Unshown, what)
		}
	}
	shown(r.Returns.Next, "nobody next in turn got a returned ticket: use more --returns")
	shown(r.Sale.Visits[endLate], "nobody who came late was served: use more tickets")
	for _, is := range slices.Sorted(maps.Keys(r.Hostile.Buyers)) {
		if is != rejoiner {
			shown(r.Hostile.Tried[is], "nobody tried who "+string(is)+": use more buyers")
		}
	}
	killed := map[string]int{}
	for _, j := range r.Joins {
		for kind, n := range j.Killed {
			killed[kind] += n
		}
	}
	shown(max(0, killed["node"]-2), "fewer than three nodes were killed")
	shown(killed["redis"], "Redis was not killed")
}

func (r *lineResult) show() report.Sheet {
	joins := report.Table{Head: []string{"joins", "how many", "a second", "p50 / p99 / max", "CPU µs a join: nodes", "Redis", "Nginx", "killed", "answers", "lost"}}
	for _, j := range r.Joins {
		joins.Add(j.Name, j.Buyers, fmt.Sprintf("%.0f", j.Rate), millisOf(j.Latency), fmt.Sprintf("%.1f", j.Micros["nodes"]), fmt.Sprintf("%.1f", j.Micros["redis"]),
			fmt.Sprintf("%.1f", j.Micros["nginx"]), counted(j.Killed), counted(j.Answers), j.Lost)
	}
	d := r.Draw
	draw := report.Table{Head: []string{"draw", "figure"}}
	draw.Add("drawn", d.Drawn)
	draw.Add("list published after draw_at", fmt.Sprintf("%.1f s", d.Listed))
	for _, name := range slices.Sorted(maps.Keys(d.Nodes)) {
		draw.Add(name+" answers positions after", fmt.Sprintf("%.1f s", d.Nodes[name]))
	}
	draw.Add("positions asked of nodes, of which differ from the published list", fmt.Sprintf("%d, %d", d.Asked, d.Differ))
	draw.Add("χ² of order of joining and position, 81 degrees of freedom", fmt.Sprintf("%.0f (at most %d)", d.ChiSquare, maxChiSquare))
	return r.sheet("A line: joined, drawn, sold in turn, and sold again", joins, draw, r.showSale(), r.showHostile(), r.showMemory())
}

func (r *lineResult) showSale() report.Table {
	s, b := r.Sale, r.Returns
	t := report.Table{Head: []string{"sale", "figure"}}
	t.Add("sold", fmt.Sprintf("%d of %d", r.Sold, r.Tickets))
	t.Add("seconds until 99 %, until all", fmt.Sprintf("%.0f, %.0f", s.Most, s.All))
	t.Add("front at the end", s.Front)
	for _, end := range []visitEnd{endServed, endLate, endRefused, endTooLate, endWaiting, endNoAnswer} {
		t.Add(string(end), s.Visits[end])
	}
	t.Add("of the tries in turn, refused as sold out", fmt.Sprintf("%.2f %% (at most %.0f %%, or %d people)", 100*s.Share, 100*refusedShare, refusedPeople))
	t.Add("late line: joined, called, longest", fmt.Sprintf("%d, %d, %d", s.Late.Joined, s.Late.Called, s.Late.Longest))
	t.Add("moves of the front while somebody waited in it", s.Late.Passed)
	t.Add("returned, sold again after", fmt.Sprintf("%d, %.0f s", b.Returned, b.Seconds))
	t.Add("of these served next in turn, late; and refused", fmt.Sprintf("%d, %d; %d", b.Next, b.Late, b.Refused))
	t.Add("from return to turn, p50 / p99 / max", millisOf(b.Turns))
	t.Add("from turn to order, p50 / p99 / max", millisOf(b.Orders)+fmt.Sprintf(" (at most %v)", turnToOrder))
	t.Add("orders before their turn", r.Beyond)
	for _, kind := range slices.Sorted(maps.Keys(s.CPU)) {
		t.Add("processor time, "+kind, fmt.Sprintf("%.1f s", s.CPU[kind]))
	}
	return t
}

func (r *lineResult) showHostile() report.Table {
	t := report.Table{Head: []string{"hostile buyers who", "how many", "tries", "successes"}}
	for _, is := range slices.Sorted(maps.Keys(r.Hostile.Buyers)) {
		t.Add(is, r.Hostile.Buyers[is], r.Hostile.Tried[is], r.Hostile.Got[is])
	}
	t.Caption = "Answered: " + counted(r.Hostile.Answers)
	return t
}

func (r *lineResult) showMemory() report.Table {
	t := report.Table{Head: []string{"peak memory", "MiB"}}
	for _, name := range slices.Sorted(maps.Keys(r.Memory)) {
		t.Add(name, r.Memory[name]>>20)
	}
	return t
}

// counted is counts as text, by name.
func counted[K ~string, N int | int64](counts map[K]N) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%d × %s", counts[name], name))
	}
	return strings.Join(texts, ", ")
}
