package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/bench/generator"
)

// A short run has all rows, a picture, and an audit that passed.
func TestOverloadMeasuresEachMultiple(t *testing.T) {
	folder := t.TempDir()
	o := &overload{Runs: 1, For: 300 * time.Millisecond, Connections: 32, Clients: 256, Patience: 2 * time.Second, Buyers: 5000, output: output{Out: folder}}
	err := o.Run(t.Context())
	// A machine that others use may miss the bound; nothing else may be wrong.
	if err != nil && !strings.HasPrefix(err.Error(), "beyond the bound") {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got overloadResult
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Faults) > 0 || len(got.Peak) != 1 || got.Peak[0] <= 0 || len(got.Rows) != len(overloads) {
		t.Fatalf("got %s", raw)
	}
	for _, row := range got.Rows {
		if len(row.Goodput) != 1 || row.Goodput[0] <= 0 || row.Offered[0] != row.Times*got.Peak[0] {
			t.Errorf("got %+v, want something sold", row)
		}
	}
	if svg, err := os.ReadFile(filepath.Join(folder, "overload.svg")); err != nil || !strings.Contains(string(svg), "sold in time") {
		t.Errorf("got %.80s, %v, want a picture", svg, err)
	}
}

func TestAnswersThatCameTooLateAreNoGoodput(t *testing.T) {
	sold := generator.NewLatency()
	for _, took := range []time.Duration{100, 900, 1500, 3000} {
		sold.Record(took * time.Millisecond)
	}
	row := overloadRow{Times: 2}
	row.add(generator.Run{Intended: 20, Dropped: 4, Seconds: 7, Latencies: map[generator.Class]*generator.Latency{generator.ClassSold: sold}, Errors: map[string]int64{"timeout": 2},
		Timeline: []generator.Second{{At: 0, Answers: map[generator.Class]int64{generator.ClassSold: 3}}, {At: 2, Answers: map[generator.Class]int64{generator.ClassSold: 1}}}}, 5, time.Second)
	if row.Goodput[0] != 0.5 || row.Ratio[0] != 0.1 || row.Dropped[0] != 0.2 || row.Lost[0] != 0.2 {
		t.Errorf("got %+v, want 1 sold in time before the 2 s of the schedule are over, 4 dropped, and 4 lost or late", row)
	}
	r := overloadResult{Rows: []overloadRow{{Times: 1, Ratio: []float64{1}}, row}}
	if r.judge(); len(r.Missed) != 1 || r.outcome.err() == nil {
		t.Errorf("got %v, want the bound missed", r.Missed)
	}
	w := &overload{Runs: 0, For: time.Second, Connections: 1, Clients: generator.MaxConnections + 1, Patience: time.Second, Buyers: 1, Places: -1}
	if err := w.Validate(); err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("got %v, want three faults", err)
	}
}
