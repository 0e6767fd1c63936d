package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"onsale/bench/report"
)

func ranked(rows ...report.Row) (names []string) {
	for _, g := range (&report.Report{Rows: rows}).Groups() {
		for _, s := range g.Rows {
			names = append(names, s.Strategy)
		}
	}
	return names
}

func TestRanking(t *testing.T) {
	invalid := func(r report.Row) report.Row { r.Faults = []string{"it lied"}; return r }
	answering := func(r report.Row, class string, share float64) report.Row {
		n := int64(share * float64(r.Completed))
		r.Classes = map[string]report.Quantiles{class: latency(n, 1), report.ClassSold: latency(r.Completed-n, 1)}
		return r
	}
	dropping := func(r report.Row, n int64) report.Row {
		r.Dropped, r.Sent, r.Completed = n, r.Sent-n, r.Completed-n
		r.Classes = map[string]report.Quantiles{report.ClassSold: latency(r.Completed, r.Classes[report.ClassSold].P50)}
		return r
	}
	for name, c := range map[string]struct {
		rows []report.Row
		want []string
	}{
		"capacity by throughput":              {[]report.Row{hit("a", 1, 10), hit("b", 1, 30), hit("c", 1, 20)}, []string{"b", "c", "a"}},
		"the fastest last if it is INVALID":   {[]report.Row{invalid(hit("a", 1, 99)), hit("b", 1, 3), hit("c", 1, 2)}, []string{"b", "c", "a"}},
		"INVALID ones by name":                {[]report.Row{invalid(hit("b", 1, 99)), invalid(hit("a", 1, 9))}, []string{"a", "b"}},
		"equals by name":                      {[]report.Row{hit("b", 1, 10), hit("a", 1, 10)}, []string{"a", "b"}},
		"errors count for nothing":            {[]report.Row{answering(hit("a", 1, 90), report.ClassError, 0.9), hit("b", 1, 10)}, []string{"b", "a"}},
		"busy counts for nothing":             {[]report.Row{answering(hit("a", 1, 90), report.ClassBusy, 0.9), hit("b", 1, 10)}, []string{"b", "a"}},
		"sold out is a good answer":           {[]report.Row{answering(hit("a", 1, 90), report.ClassSoldOut, 0.9), hit("b", 1, 10)}, []string{"a", "b"}},
		"open loop by p99":                    {[]report.Row{spike("a", 3), spike("b", 1), spike("c", 2)}, []string{"b", "c", "a"}},
		"the quick last if it is INVALID":     {[]report.Row{invalid(spike("a", 1)), spike("b", 3)}, []string{"b", "a"}},
		"one that drops its buyers is slower": {[]report.Row{dropping(spike("a", 1), 201), spike("b", 9)}, []string{"b", "a"}},
		"a few dropped are within a p99":      {[]report.Row{dropping(spike("a", 1), 199), spike("b", 9)}, []string{"a", "b"}},
		"of those that drop, the least":       {[]report.Row{dropping(spike("a", 1), 900), dropping(spike("b", 9), 800)}, []string{"b", "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ranked(c.rows...)); diff != "" {
				t.Errorf("ranking (-want +got):\n%s", diff)
			}
		})
	}
}

// A strategy that breaks a promise in one phase is no better in the others, and a
// generator that was late shows little of the server.
func TestRemarksTellWhatARowAloneDoesNot(t *testing.T) {
	broken, late := spike("a", 1), spike("b", 1)
	broken.Faults = []string{"it lied"}
	late.GeneratorBehind = late.Classes[report.ClassSold].P99 * 2
	var b bytes.Buffer
	if err := (&report.Report{Rows: []report.Row{hit("a", 1, 100), hit("b", 1, 90), broken, late}}).WriteTables(&b, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"INVALID in: spike, open loop", "generator late by up to"} {
		if n := strings.Count(b.String(), want); n != 1 {
			t.Errorf("got %q %d times, want once:\n%s", want, n, b.String())
		}
	}
}

// Whatever was measured, and in whatever order it came.
func TestInvalidIsNeverRankedFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) report.Row {
			r := hit(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "strategy"), 1, float64(rapid.IntRange(0, 3).Draw(t, "rate")))
			if rapid.Bool().Draw(t, "open") {
				r = spike(r.Strategy, r.Rate)
			}
			if rapid.Bool().Draw(t, "invalid") {
				r.Faults = []string{"it lied"}
			}
			return r
		}), 1, 12).Draw(t, "rows")
		groups := (&report.Report{Rows: rows}).Groups()
		for _, g := range groups {
			if first := slices.IndexFunc(g.Rows, report.Summary.Invalid); first >= 0 && first != len(g.Valid()) {
				t.Errorf("got an INVALID row above a valid one: %v", ranked(rows...))
			}
			for _, s := range g.Rows {
				for _, peer := range g.Rows {
					if v, ok := report.Ratio(s, peer); ok && (s.Invalid() || peer.Invalid()) {
						t.Errorf("got ratio %v of an INVALID row, want none", v)
					}
				}
			}
		}
		shuffled := rapid.Permutation(rows).Draw(t, "another order")
		if len(rows) == len(report.Summarise(rows)) { // repeats of one name would swap their numbers
			if diff := cmp.Diff(groups, (&report.Report{Rows: shuffled}).Groups()); diff != "" {
				t.Errorf("groups by the order of rows (-want +got):\n%s", diff)
			}
		}
	})
}

func TestOnlyLikeIsComparedWithLike(t *testing.T) {
	slow := spike("onsale", 2)
	slow.Offered = 5_000
	soldOut := hit("onsale", 1, 5)
	soldOut.Phase = report.PhaseSoldOut
	other := hit("onsale", 1, 5)
	other.Phase = "afterwards"
	r := report.Report{Rows: []report.Row{other, spike("onsale", 2), slow, soldOut, hit("onsale", 1, 5)}}
	var got []string
	for _, g := range r.Groups() {
		got = append(got, g.Heading())
	}
	want := []string{
		"hit: capacity (closed loop)", "sold-out: capacity (closed loop)", "spike: open loop, 5,000 requests a second offered",
		"spike: open loop, 20,000 requests a second offered", "afterwards: capacity (closed loop)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}
