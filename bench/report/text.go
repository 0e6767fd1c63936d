package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"onsale/internal/picture"
)

// millis writes a latency, or a dash where nothing was answered.
func millis(q Quantiles, ms float64) string {
	if q.Count == 0 {
		return "–"
	}
	return decimal(ms)
}

// percent rounds down above one half, so that 100 % means all of them.
func percent(share float64) string {
	if share > 0.5 {
		share = math.Floor(share*1000) / 1000
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
}

// mebibytes is what the strategy's own processes hold resident together.
func (r Row) mebibytes() string {
	var sum int64
	for _, process := range processes(r.Memory) {
		sum += r.Memory[process]
	}
	if sum == 0 {
		return "–"
	}
	return decimal(float64(sum) / (1 << 20))
}

// cost writes the processor time of a request, or a dash where it was not measured.
func (r Row) cost() string {
	if len(processes(r.CPU)) == 0 {
		return "–"
	}
	return decimal(r.Cost())
}

// ratio writes s's multiple of the peer's number, or a dash.
func ratio(s, peer Summary) string {
	if v, ok := Ratio(s, peer); ok {
		return decimal(v) + "×"
	}
	return "–"
}

// spread is how far the repeats' throughput lies from its middle at most.
func (s Summary) spread() string {
	middle := s.Throughput()
	if s.Repeats < 2 || middle <= 0 {
		return "–"
	}
	return fmt.Sprintf("± %.1f %%", 100*max(s.High-middle, middle-s.Low)/middle)
}

// load describes how the group's requests came. Closed loop is named capacity everywhere.
func load(loop string, offered float64) string {
	if loop == LoopClosed {
		return "capacity (closed loop)"
	}
	return "open loop, " + decimal(offered) + " requests a second offered"
}

// Heading names the group: its phase and how its requests came.
func (g Group) Heading() string { return plain(g.Phase) + ": " + load(g.Loop, g.Offered) }

// ranking explains the order of the rows.
func (g Group) ranking() string {
	if g.Loop == LoopClosed {
		return "Ranked by buyers served a second."
	}
	return fmt.Sprintf("Ranked by the p99 of “%s”; rows that left more than %g %% of the intended requests unserved come after those that did not.",
		decisive(g.Phase), unserved*100)
}

// promise is one that an audit counts the breaches of.
type promise struct {
	count int64
	what  string
}

func (r Row) promises() []promise {
	return []promise{
		{r.Oversold, "oversold"}, {r.Unsold, "unsold"}, {r.Duplicates, "duplicate orders"},
		{r.LostAcks, "lost acknowledgements"}, {r.FalseSoldOut, "false “sold out”"},
	}
}

// audit is what the audits of all rows found, in one line; empty without rows.
func (r *Report) audit() string {
	var sums []promise
	for i, row := range r.Rows {
		if i == 0 {
			sums = row.promises()
			continue
		}
		for j, p := range row.promises() {
			sums[j].count += p.count
		}
	}
	var parts []string
	for _, p := range sums {
		parts = append(parts, p.what+" "+thousands(p.count))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Audit: " + strings.Join(parts, ", ") + "."
}

// remarks are what a reader must know of a row: first what makes it INVALID.
func (s Summary) remarks() []string {
	var all []string
	add := func(when bool, format string, args ...any) {
		if when {
			all = append(all, plain(fmt.Sprintf(format, args...)))
		}
	}
	if s.Invalid() {
		add(true, "INVALID: %s", s.Faults[0])
		add(len(s.Faults) > 1, "faults in all: %d", len(s.Faults))
	}
	for _, n := range s.Row.promises() {
		add(n.count > 0, "%s %s", thousands(n.count), n.what)
	}
	add(s.GeneratorBusy >= Saturated, "generator saturated")
	add(s.Loop == LoopOpen && s.GeneratorBehind > s.Decisive().P99, "generator late by up to %s ms", decimal(s.GeneratorBehind))
	add(s.Dropped > 0, "%s requests dropped", thousands(s.Dropped))
	add(s.Loop == LoopOpen && !s.kept() && !s.Invalid(), "did not keep up")
	add(s.Durability != "", "durability: %s", s.Durability)
	add(len(s.Elsewhere) > 0 && !s.Invalid(), "INVALID in: %s", strings.Join(s.Elsewhere, "; "))
	add(len(s.Lacks) > 0, "lacks: %s", strings.Join(s.Lacks, "; "))
	return all
}

// How pages and terminals write texts and numbers.
var (
	plain, clip                = picture.Plain, picture.Clip
	decimal, thousands, number = picture.Decimal, picture.Thousands, picture.Number
)
