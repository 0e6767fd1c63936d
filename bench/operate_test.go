package main

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Every change that operators make, at a low rate.
func TestOperatingASite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	err := run(context.Background(), []string{
		"operate", "--nodes", "2", "--most", "3", "--wide", "4", "--rate", "150", "--connections", "16", "--settle", "200ms", "--drain-delay", "300ms",
		"--json", file, "--binaries", binaries,
	})
	if err != nil {
		t.Error(err)
	}
	var r operatingResult
	readResult(t, file, &r)
	if len(r.Rows) != 10 || r.Sold == 0 || len(r.Joined) != 2 || len(r.Left) != 2 || r.Share == 0 || r.Capacity != 0 {
		t.Errorf("got %+v, want ten events, and the times of two nodes", r)
	}
	for _, row := range r.Rows {
		if row.Sent == 0 || row.Seconds <= 0 {
			t.Errorf("got %+v, want requests sent meanwhile", row)
		}
		if row.Closed > 0 && !row.mayClose(false) {
			t.Errorf("%s: got %d connections closed while idle, want none", row.Event, row.Closed)
		}
	}
}

func TestInterruptedOperatingKeepsWhatItMeasured(t *testing.T) {
	var r operatingResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &operating{Nodes: 2, Most: 3, Wide: 4, Rate: 100, Connections: 4, Settle: time.Second, DrainDelay: 300 * time.Millisecond,
			output: output{JSON: file}, Binaries: binaries, begun: begun}
	})
	if r.Sold == 0 || len(r.Rows) == 10 {
		t.Errorf("got %+v, want what was sold until then", r)
	}
}

func TestAFailureThatNothingPlannedMayCauseIsAFault(t *testing.T) {
	o := &operating{Connections: 5}
	row := func(event string, planned bool, kinds map[string]int) operatingRow {
		failed := 0
		for _, n := range kinds {
			failed += n
		}
		return operatingRow{Event: event, Planned: planned, spell: spell{Sent: 100, Failed: failed, Kinds: kinds}}
	}
	for name, c := range map[string]struct {
		row            operatingRow
		share          float64
		reloads        bool
		faults, missed int
	}{
		"none failed":                         {row: row("join", true, nil)},
		"one failed":                          {row: row("join", true, map[string]int{"503 busy": 1}), faults: 1},
		"a connection was closed":             {row: row("join", true, map[string]int{lostConnection: 1}), faults: 1},
		"a reload closed one":                 {row: row("join", true, map[string]int{lostConnection: 1}), reloads: true},
		"the upgrade closed one":              {row: row(upgradeEvent, true, map[string]int{lostConnection: 2})},
		"the upgrade failed one":              {row: row(upgradeEvent, true, map[string]int{lostConnection: 2, "no answer": 1}), faults: 1},
		"those under way on the killed":       {row: row("kill", false, map[string]int{"502 node-unreachable": 5})},
		"more than were under way":            {row: row("kill", false, map[string]int{"502 node-unreachable": 6}), missed: 1},
		"a new node waited long for a share":  {row: row("join", true, nil), share: 2.1, missed: 1},
		"a new node had its share in no time": {row: row("join", true, nil), share: 1.9},
	} {
		r := &operatingResult{Rows: []operatingRow{c.row}, Share: c.share}
		o.Reloads = c.reloads
		if r.judge(o); len(r.Faults) != c.faults || len(r.Missed) != c.missed {
			t.Errorf("%s: got faults %q and missed %q, want %d and %d", name, r.Faults, r.Missed, c.faults, c.missed)
		}
		if err := r.err(); errors.Is(err, errBroken) != (c.faults > 0) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTimesOfManyNodesAreInOrder(t *testing.T) {
	got := sortedSeconds([]time.Duration{3 * time.Second, time.Second, 2 * time.Second})
	if !slices.Equal(got, []float64{1, 2, 3}) {
		t.Errorf("got %v", got)
	}
}
