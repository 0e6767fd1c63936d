package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

// interrupted runs a command whose context ends a while after it has begun, and
// reads what it wrote. Nothing that it started may be left.
func interrupted(t *testing.T, into any, command func(file string, begun func()) interface{ Run(context.Context) error }) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.json")
	temporary, err := os.MkdirTemp("", "onsale-interrupted-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temporary)
	if err := os.Chmod(temporary, 0o755); err != nil { // PostgreSQL may be another user
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temporary)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = command(file, func() { time.AfterFunc(1500*time.Millisecond, cancel) }).Run(ctx)
	if !errors.Is(err, errInterrupted) || errors.Is(err, errBroken) || errors.Is(err, errUnshown) {
		t.Errorf("got %v, want %v and nothing else", err, errInterrupted)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), `"interrupted": true`) {
		t.Errorf("the result has no mark of the interruption:\n%s", raw)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
	nothingIsLeft(t, temporary)
}

// nothingIsLeft looks for our children, for processes that work in a folder,
// and for what lies in it.
func nothingIsLeft(t *testing.T, folder string) {
	t.Helper()
	all, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil {
			continue // it has ended meanwhile
		}
		cwd, _ := p.Cwd() // another's can't be read
		if stat.PPID == os.Getpid() || strings.HasPrefix(cwd, folder) {
			t.Errorf("process %d (%s) is left", p.PID, stat.Comm)
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v left in the temporary folder, want nothing", left, err)
	}
}

func TestInterruptedHeadlineKeepsWhatItMeasured(t *testing.T) {
	var r headlineResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &headline{Buyers: 20000, Tickets: 15000, Nodes: 2, Connections: 32, Rate: 500, faults: faults{Kill: 1},
			output: output{JSON: file, HTML: filepath.Join(t.TempDir(), "page.html")}, Binaries: binaries, begun: begun}
	})
	if r.Sold == 0 || r.Sold >= r.Tickets || r.Answers["201"]+r.Answers["200"] < r.Sold || r.Unsold != 0 || r.GaveUp != 0 || r.LedgerSeconds <= 0 || r.Latency.P50 == 0 {
		t.Errorf("got %+v, want some sold, acknowledged and audited", r)
	}
}

// Redis is away when the run is interrupted: it comes back for the audit.
func TestInterruptedWhileRedisIsAway(t *testing.T) {
	var r headlineResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &headline{Buyers: 20000, Tickets: 600, Nodes: 2, Connections: 32, Rate: 500, faults: faults{RestartRedis: true, Outage: time.Minute},
			output: output{JSON: file}, Binaries: binaries, begun: begun}
	})
	if r.Sold == 0 || len(r.Events) != 2 {
		t.Errorf("got %d sold, and the events %v, want some and Redis back", r.Sold, r.Events)
	}
}

func TestInterruptedOrdersKeepWhatTheyMeasured(t *testing.T) {
	var r ordersResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &orders{Orders: 10000, Clients: 20, For: time.Minute, Hold: time.Minute, Nodes: 2, Ledgers: 2, KillEvery: time.Second,
			Outage: 10 * time.Second, output: output{JSON: file}, Binaries: binaries, begun: begun}
	})
	if r.Holds == 0 || r.Holds >= 10000 || r.Answered["paid"] == 0 || r.LedgerKills == 0 || r.Books.Total == 0 {
		t.Errorf("got %+v, want some holds, and the books", r)
	}
}

func TestInterruptedSoakKeepsWhatItMeasured(t *testing.T) {
	var r soakResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &soak{For: time.Hour, Rate: 100, Clients: 20, Nodes: 2, KillEvery: 500 * time.Millisecond, output: output{JSON: file}, Binaries: binaries, begun: begun}
	})
	if r.Holds == 0 || r.Kills["node"] == 0 || r.Books.Total == 0 || len(r.Growth) > 0 {
		t.Errorf("got %+v, want some holds and kills, the books, and no growth", r)
	}
}

func TestInterruptedConnectionsKeepWhatTheyMeasured(t *testing.T) {
	var r map[string]any
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &connections{Count: 200, output: output{JSON: file}, Binaries: binaries, begun: begun}
	})
	if r["seconds_to_connect"] == nil || r["node_memory_bytes_idle"] != nil || r["sold"] != nil {
		t.Errorf("got %v, want the time to connect, and nothing that was not measured", r)
	}
}

func TestInterruptedScaleKeepsWhatItMeasured(t *testing.T) {
	var r scaleResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &scale{Nodes: []int{1, 2}, PerNode: 16, Total: 32, Purchases: 500, output: output{JSON: file}, Binaries: binaries, measured: begun}
	})
	if len(r.Rows) != 1 || r.Rows[0].Rate <= 0 {
		t.Errorf("got %+v, want the one row that was measured", r.Rows)
	}
}

func TestInterruptedMetricsKeepWhatTheyMeasured(t *testing.T) {
	var r metricsResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &metricsCost{Of: "metrics", Runs: 1000, Turn: 2 * time.Millisecond, Connections: 16, Requests: 5000, Purchases: 1000, output: output{JSON: file}, Binaries: binaries, measured: func(run int) {
			if run == 1 {
				begun()
			}
		}}
	})
	if r.Runs == 0 || r.Runs >= 1000 || len(r.Ratios) != 2 || len(r.Micros) != 4 {
		t.Errorf("got %+v, want the ratios of the runs that were whole", r)
	}
}

func TestInterruptedRatiosKeepWhatTheyMeasured(t *testing.T) {
	var r ratiosResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		return &ratios{Runs: 1000, Connections: 16, Requests: 1000, Purchases: 300, output: output{JSON: file}, Binaries: binaries, measured: func(run int) {
			if run == 1 {
				begun()
			}
		}}
	})
	if r.Runs == 0 || r.Runs >= 1000 || len(r.Ratios) != 5 || len(r.Micros) != 6 || r.Parts["join"]["redis"] <= 0 {
		t.Errorf("got %+v, want the ratios of the runs that were whole", r)
	}
}
