package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// resultOf runs a command with --json and reads what it wrote.
func resultOf(t *testing.T, into any, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.json")
	if err := run(t.Context(), append(args, "--json", file, "--binaries", binaries)); err != nil {
		t.Error(err)
	}
	readResult(t, file, into)
}

// readResult reads what a command wrote.
func readResult(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func TestScale(t *testing.T) {
	var r scaleResult
	resultOf(t, &r, "scale", "--nodes", "1,3", "--purchases", "1500")
	if len(r.Rows) != 4 || len(r.Faults) != 0 {
		t.Fatalf("got %d rows and the faults %q, want 4 and none", len(r.Rows), r.Faults)
	}
	for _, row := range r.Rows {
		if row.Claims < 1500 || row.DeductCalls == 0 || row.DeductCalls > row.Claims || row.NodeMemory == 0 || row.CPU["nodes"] <= 0 {
			t.Errorf("got %+v", row)
		}
	}
}

func TestExponentIsThatOfAPower(t *testing.T) {
	var x, y []float64
	for _, n := range []float64{1, 2, 5, 10, 50} {
		x, y = append(x, n), append(y, 3*math.Pow(n, 0.7))
	}
	if got := exponent(x, y); math.Abs(got-0.7) > 1e-9 {
		t.Errorf("got %v, want 0.7", got)
	}
}

func TestConnectionsAreHeldAndSoldTo(t *testing.T) {
	var r connectionsResult
	resultOf(t, &r, "connections", "400")
	if r.Sold != 200 || r.Each <= 0 || r.Sources < 3 || r.Statuses["409"] != 200 {
		t.Errorf("got %+v", r)
	}
}

func TestSoakOutlastsItsKills(t *testing.T) {
	var r soakResult
	resultOf(t, &r, "soak", "--for", "12s", "--rate", "60", "--nodes", "3", "--kill-every", "2500ms")
	if len(r.Faults) != 0 || r.Kills["node"] == 0 || r.Kills["ledger"] == 0 || r.Growth["node"] == 0 || r.Answered["paid"] == 0 {
		t.Errorf("got %+v", r)
	}
}

// Noise makes figures that are not above zero: they must not cost the result.
func TestExponentsLeaveOutWhatHasNoLogarithm(t *testing.T) {
	r := scaleResult{Exponents: map[string]float64{}, Rows: []scaleRow{
		{Nodes: 10, PerNode: true, CPUAll: 1, CPUAbove: -1, CallsClaim: 1},
		{Nodes: 20, PerNode: true, CPUAll: 2, CPUAbove: 1, CallsClaim: 0},
		{Nodes: 10, CPUAll: 1, CPUAbove: 1, CallsClaim: 1},
		{Nodes: 10, CPUAll: 1, CPUAbove: 1, CallsClaim: 1},
	}}
	r.fit()
	if len(r.Exponents) != 1 || math.Abs(r.Exponents["cpu per request, equal per node"]-1) > 1e-9 {
		t.Errorf("got %v, want that of the CPU alone, 1", r.Exponents)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}
