package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"onsale/bench/report"
	"onsale/bench/strategy"
)

// compared runs a comparison small enough for a test, and returns its report.
func compared(t *testing.T, ctx context.Context, c *compare) (*report.Report, error) {
	t.Helper()
	c.Repeats, c.Connections, c.Warmth, c.For, c.Rate, c.SpikeRate = 1, 32, 100, 300*time.Millisecond, 300, 1000
	c.Out, c.Binaries = t.TempDir(), binaries
	err := c.Run(ctx)
	f, ferr := os.Open(filepath.Join(c.Out, "report.json"))
	if ferr != nil {
		t.Fatal(errors.Join(err, ferr))
	}
	defer f.Close()
	r, ferr := report.Load(f)
	if ferr != nil {
		t.Fatal(errors.Join(err, ferr))
	}
	return r, err
}

// TestBrokenStrategiesAreInvalid: a harness that can't see a broken strategy
// proves nothing of a sound one.
func TestBrokenStrategiesAreInvalid(t *testing.T) {
	c := &compare{extra: strategy.Broken, Only: []string{onsaleStrategy}}
	want := map[string]string{
		"oversells": "oversold", "loses-acks": "lost acknowledgements", "early-sold-out": "false sold-out", "doubles": "duplicate orders", "forgets-buyers": "duplicate orders",
		"dates-back":      "outside the sale's time",
		"sells-to-ghosts": "unacknowledged orders", "hides-orders": "unacknowledged orders",
	}
	for name := range want {
		c.Only = append(c.Only, name)
	}
	r, err := compared(t, t.Context(), c)
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
	faults := map[string]string{}
	for _, row := range r.Rows {
		faults[row.Strategy] += strings.Join(row.Faults, "; ")
	}
	for name, fault := range want {
		if !strings.Contains(faults[name], fault) {
			t.Errorf("%s: got the faults %q, want %q among them", name, faults[name], fault)
		}
	}
	if len(r.Rows) != (1+len(want))*len(comparePhases) || faults[onsaleStrategy] != "" {
		t.Errorf("got %d rows, and of the node the faults %q, want %d and none", len(r.Rows), faults[onsaleStrategy], (1+len(want))*len(comparePhases))
	}
}

// A contender that falls is INVALID, and the others are measured all the same.
func TestAFallenContenderIsInvalid(t *testing.T) {
	r, err := compared(t, t.Context(), &compare{extra: strategy.Broken, Only: []string{onsaleStrategy, "falls"}})
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
	rows, invalid := map[string]int{}, map[string]int{}
	for _, row := range r.Rows {
		rows[row.Strategy]++
		if row.Invalid() {
			invalid[row.Strategy]++
		}
	}
	if rows[onsaleStrategy] != len(comparePhases) || invalid[onsaleStrategy] != 0 || invalid["falls"] != 1 || !strings.HasPrefix(r.Notes[len(r.Notes)-1], "falls fell") {
		t.Errorf("got %v rows, %v INVALID, notes %q", rows, invalid, r.Notes)
	}
}

// TestComparisonCoversEveryStrategy on the real stores.
func TestComparisonCoversEveryStrategy(t *testing.T) {
	c := &compare{Profile: true}
	r, err := compared(t, t.Context(), c)
	if err != nil {
		t.Error(err)
	}
	rows := map[string]int{}
	for _, row := range r.Rows {
		rows[row.Strategy]++
		if row.Completed == 0 || row.CPU["server"] <= 0 || row.Memory["server"] == 0 {
			t.Errorf("%s, %s: got %d answers, CPU %v, memory %v", row.Strategy, row.Phase, row.Completed, row.CPU, row.Memory)
		}
	}
	for _, name := range names() {
		profile, err := os.ReadFile(filepath.Join(c.Out, "server-"+name+"-1.pprof"))
		if err != nil || !bytes.HasPrefix(profile, []byte{0x1f, 0x8b}) { // gzip, as every profile
			t.Errorf("%s: got a profile of %d bytes, %v", name, len(profile), err)
		}
		if rows[name] != len(comparePhases) {
			t.Errorf("%s: got %d rows, want %d", name, rows[name], len(comparePhases))
		}
	}
}

// TestInterruptedComparisonKeepsWhatItMeasured, and ends what it started.
func TestInterruptedComparisonKeepsWhatItMeasured(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := &compare{Only: []string{onsaleStrategy}, measured: func(rows int) {
		if rows == 2 {
			cancel()
		}
	}}
	r, err := compared(t, ctx, c)
	if !errors.Is(err, context.Canceled) || len(r.Rows) != 2 {
		t.Errorf("got %d rows, %v, want the two that were measured and %v", len(r.Rows), err, context.Canceled)
	}
	if last := r.Notes[len(r.Notes)-1]; !strings.Contains(last, "2 of 5 rows") {
		t.Errorf("got the last note %q, want one that names what is missing", last)
	}
}

func TestUnknownStrategyIsRefused(t *testing.T) {
	err := run(t.Context(), []string{"compare", "--only", "redis-magic"})
	if err == nil || !strings.Contains(err.Error(), "redis-magic") || !strings.Contains(err.Error(), "redis-lua") {
		t.Errorf("got %v, want an error that names those there are", err)
	}
}
