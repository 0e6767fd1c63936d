package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// units declares which way is better, for benchstat. Without them it takes more to be worse.
const units = "Unit req/s better=higher\n"

// WriteBench writes the report in Go's benchmark format, a line for each repeat, so that
// benchstat has samples to compare. What the tables call INVALID, for the fault of any
// repeat, is a comment in all of them: benchstat must not average a wrong answer. An
// open loop that did not keep up has no latencies: they are those of the lucky ones.
func (r *Report) WriteBench(w io.Writer) error {
	var b bytes.Buffer
	for _, pair := range r.setting() {
		fmt.Fprintf(&b, "%s: %s\n", key(pair[0]), pair[1])
	}
	b.WriteString(units)
	rows := slices.Clone(r.Rows)
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(order(a.Phase), order(b.Phase)), strings.Compare(a.Phase, b.Phase), strings.Compare(a.Loop, b.Loop),
			cmp.Compare(a.Offered, b.Offered), strings.Compare(a.Strategy, b.Strategy), cmp.Compare(a.Repeat, b.Repeat))
	})
	type load struct{ strategy, phase, loop, offered string }
	of := func(r Row) load { return load{r.Strategy, r.Phase, r.Loop, number(r.Offered)} }
	invalid := map[load]bool{}
	for _, row := range rows {
		invalid[of(row)] = invalid[of(row)] || row.Invalid()
	}
	for _, row := range rows {
		name := benchmark(row, r.Cores)
		switch {
		case row.Invalid():
			fmt.Fprintf(&b, "# INVALID %s repeat %d: %s\n", name, row.Repeat, plain(row.Faults[0]))
		case invalid[of(row)]:
			fmt.Fprintf(&b, "# INVALID in another repeat: %s repeat %d\n", name, row.Repeat)
		case row.Throughput() <= 0:
			fmt.Fprintf(&b, "# nobody served: %s repeat %d\n", name, row.Repeat)
		default:
			fmt.Fprintf(&b, "%s\t%d%s\n", name, row.Completed, values(row))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// benchmark is the row's name: the phase, then a key for everything that distinguishes rows.
func benchmark(r Row, cores int) string {
	name := "Benchmark" + camel(r.Phase) + "/strategy=" + token(r.Strategy) + "/loop=" + token(r.Loop)
	if r.Loop == LoopOpen {
		name += "/offered=" + number(r.Offered)
	}
	if cores > 0 {
		name += "-" + strconv.Itoa(cores)
	}
	return name
}

// values are the row's measurements, each with its unit.
func values(r Row) string {
	var b strings.Builder
	add := func(value float64, unit string) { fmt.Fprintf(&b, "\t%s %s", number(value), unit) }
	// In open loop the time between answers is the generator's choice, no result.
	if r.Loop == LoopClosed {
		add(1e9/r.Throughput(), "ns/op")
	}
	add(r.Throughput(), "req/s")
	if len(processes(r.CPU)) > 0 {
		add(r.Cost(), "cpu-µs/op")
	}
	if q := r.Decisive(); q.Count > 0 && (r.Loop == LoopClosed || r.kept()) {
		add(q.P50, "p50-ms")
		add(q.P99, "p99-ms")
		add(q.P999, "p99.9-ms")
	}
	return b.String()
}

// token makes one part of a benchmark's name: what separates parts would make two of it.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '/' || r == '=' {
			return '_'
		}
		return r
	}, plain(s))
}

// camel is the phase as a benchmark's name begins: "sold-out" is SoldOut.
func camel(phase string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(token(phase), func(r rune) bool { return r == '-' || r == '_' }) {
		r := []rune(part)
		b.WriteString(strings.ToUpper(string(r[:1])) + string(r[1:]))
	}
	return b.String()
}

// key is a name as the format's configuration lines want it: lower case, in one token.
func key(s string) string {
	return strings.ToLower(strings.ReplaceAll(token(s), ":", "_"))
}
