package report_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/perf/benchfmt"

	"onsale/bench/report"
)

func bench(t *testing.T, r *report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteBench(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestBenchFormat(t *testing.T) {
	want, err := os.ReadFile("testdata/bench.txt")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), bench(t, sample())); diff != "" {
		t.Errorf("benchmark lines (-want +got):\n%s", diff)
	}
}

// parse reads the text as benchstat does.
func parse(t *testing.T, text string) (results []*benchfmt.Result) {
	t.Helper()
	reader := benchfmt.NewReader(bytes.NewReader([]byte(text)), "bench.txt")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			results = append(results, record.Clone())
		case *benchfmt.SyntaxError:
			t.Errorf("benchstat can't read: %v", record)
		}
	}
	if err := reader.Err(); err != nil {
		t.Fatal(err)
	}
	if got := reader.Units().GetBetter("req/s"); got != 1 {
		t.Errorf("got better=%d for req/s, want 1: more is better", got)
	}
	return results
}

func TestBenchstatReads(t *testing.T) {
	r := sample()
	results := parse(t, bench(t, r))
	samples := map[string]int{}
	for _, one := range results {
		samples[string(one.Name)]++
	}
	t.Run("a sample for each valid repeat and none for INVALID rows", func(t *testing.T) {
		want := map[string]int{
			"Hit/strategy=onsale/loop=closed-2": 3, "Hit/strategy=redis-lua/loop=closed-2": 3, "Hit/strategy=postgres-row-lock/loop=closed-2": 3,
			"Hit/strategy=redis-decr/loop=closed-2": 1, "SoldOut/strategy=onsale/loop=closed-2": 1,
			"Spike/strategy=onsale/loop=open/offered=20000-2": 1, "Spike/strategy=redis-lua/loop=open/offered=20000-2": 1,
			"Spike/strategy=postgres-row-lock/loop=open/offered=20000-2": 1,
		}
		if diff := cmp.Diff(want, samples); diff != "" {
			t.Errorf("samples (-want +got):\n%s", diff)
		}
	})
	t.Run("every value with its unit", func(t *testing.T) {
		var got []string
		for _, v := range results[0].Values {
			got = append(got, fmt.Sprintf("%.7g %s", v.Value, v.Unit))
		}
		want := []string{"2.5e-05 sec/op", "40000 req/s", "7.5 cpu-µs/op", "1.25 p50-ms", "3.75 p99-ms", "10 p99.9-ms"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
		if results[0].Iters != 10_000 {
			t.Errorf("got %d iterations, want 10000", results[0].Iters)
		}
	})
	t.Run("what it ran on", func(t *testing.T) {
		for key, want := range map[string]string{"commit": r.Commit, "machine": r.Machine, "cpu": r.CPUModel, "redis": "7.0.15", "kernel": "6.1.0"} {
			if got := results[0].GetConfig(key); got != want {
				t.Errorf("%s: got %q, want %q", key, got, want)
			}
		}
	})
}

func TestHostileTextMakesNoBenchmark(t *testing.T) {
	r := sample()
	r.Rows = r.Rows[:2]
	r.Rows[0].Strategy, r.Command, r.Versions = hostile, "x\nBenchmarkEvil 1 1 ns/op", map[string]string{hostile: hostile}
	r.Rows[1].Faults = []string{"it lied\nBenchmarkEvil 1 1 ns/op"}
	results := parse(t, bench(t, r))
	if len(results) != 1 {
		t.Fatalf("got %d results, want 1", len(results))
	}
	if got := len(results[0].Values); got != 6 {
		t.Errorf("got %d values, want 6: the name must be one token", got)
	}
}

func TestRowsWithoutAnswersAreComments(t *testing.T) {
	r := report.Report{Rows: []report.Row{{Strategy: "a", Phase: report.PhaseHit, Loop: report.LoopClosed, Repeat: 1}}}
	want := "Unit req/s better=higher\n# nobody served: BenchmarkHit/strategy=a/loop=closed repeat 1\n"
	if diff := cmp.Diff(want, bench(t, &r)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestWhatOneRepeatMakesInvalidHasNoSamples(t *testing.T) {
	r := report.Report{}
	for i := range 3 {
		row := hit("a", i+1, 100)
		if i == 1 {
			row.Faults = []string{"oversold: 7"}
		}
		r.Rows = append(r.Rows, row)
	}
	if got := parse(t, bench(t, &r)); len(got) != 0 {
		t.Errorf("got %d samples, want none: the tables call it INVALID", len(got))
	}
}
