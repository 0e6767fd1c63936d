package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nothing is started where the command line can't be meant, and every fault is
// named at once, with what is wanted.
func TestImpossibleCommandLinesAreRefused(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "bin")
	const lacks = ": want a folder with the programs node, allocator and ledger"
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"headline": {
			[]string{"headline", "--buyers", "0", "--tickets", "0", "--nodes", "3", "--connections", "0", "--rate", "NaN", "--kill", "3",
				"--binaries", elsewhere},
			[]string{"--buyers 0: want at least 1", "--tickets 0: want at least 1", "--connections 0: want 1 to 20000", "--rate NaN: want",
				"--kill 3: want 0 to 2", "--binaries " + elsewhere + lacks},
		},
		"headline without nodes":         {[]string{"headline", "--nodes", "0", "--kill", "0"}, []string{"--nodes 0: want at least 1"}},
		"headline at a negative rate":    {[]string{"headline", "--rate=-1", "--kill=-1"}, []string{"--rate -1: want", "--kill -1: want 0 to 4"}},
		"headline that pauses unwatched": {[]string{"headline", "--pause", "1s", "--kill-allocators"}, []string{"--kill-allocators leaves nobody to plan"}},
		"orders": {
			[]string{"orders", "--orders", "0", "--clients", "0", "--for", "0s", "--hold", "0s", "--nodes", "0", "--ledgers", "0",
				"--kill-every", "0s", "--binaries", elsewhere},
			[]string{"--orders 0: want at least 1", "--clients 0: want at least 1", "--for 0s: want more than 0", "--hold 0s: want more than 0",
				"--nodes 0: want at least 1", "--ledgers 0: want at least 1", "--kill-every 0s: want more than 0", lacks},
		},
		"ratios": {
			[]string{"ratios", "--runs", "0", "--connections", "0", "--requests", "0", "--purchases=-1", "--binaries", elsewhere},
			[]string{"--runs 0: want at least 1", "--connections 0: want at least 1", "--requests 0: want at least 1", "--purchases -1: want at least 1", lacks},
		},
		"line": {
			[]string{"line", "--buyers", "999", "--tickets", "9", "--nodes", "3", "--connections", "0", "--join-rate=-1", "--after", "0", "--rate", "0",
				"--show", "0", "--human", "0s", "--late", "2", "--late-after", "45s", "--look", "0s", "--returns", "0", "--hostile", "2", "--rejoiners=-1",
				"--rejoins", "0", "--within", "0s", "--binaries", elsewhere},
			[]string{"--buyers 999: want at least 1000", "--tickets 9: want at least 10", "--nodes 3: want at least 4", "--connections 0: want 1 to", "--join-rate -1: want 0 to",
				"--after 0: want more than 0", "--rate 0: want at least 1", "--show 0: want more than 0", "--human 0s: want more than 0s",
				"--late 2: want 0 to 1", "--late-after 45s: want more than 45s", "--look 0s: want more than 0s", "--returns 0: want at least 1", "--hostile 2: want 0 to 1",
				"--rejoiners -1: want at least 0", "--rejoins 0: want at least 1", "--within 0s: want more than 0s", lacks},
		},
		"metrics": {
			[]string{"metrics", "--runs", "0", "--connections", "0", "--requests", "0", "--purchases=-1", "--binaries", elsewhere},
			[]string{"--runs 0: want at least 1", "--connections 0: want at least 1", "--requests 0: want at least 1", "--purchases -1: want at least 1", lacks},
		},
		"operate": {
			[]string{"operate", "--nodes", "1", "--most", "1", "--wide", "1", "--rate=-1", "--connections", "0", "--binaries", elsewhere},
			[]string{"--nodes 1: want at least 2", "--most 1: want more than --nodes", "--wide 1: want more than --nodes", "--rate -1: want",
				"--connections 0: want 1 to 4096", lacks},
		},
		"soak": {
			[]string{"soak", "--for", "4s", "--rate", "NaN", "--clients", "0", "--nodes", "1", "--kill-every", "0s", "--binaries", elsewhere},
			[]string{"--for 4s: want at least 5s", "--rate NaN: want more than 0", "--clients 0: want at least 1", "--nodes 1: want at least 2",
				"--kill-every 0s: want more than 0", lacks},
		},
		"scale": {
			[]string{"scale", "--nodes", "0,10", "--per-node", "0", "--total", "0", "--purchases", "0", "--binaries", elsewhere},
			[]string{"--nodes 0: want at least 1", "--per-node 0: want at least 1", "--total 0: want at least 1", "--purchases 0: want at least 1", lacks},
		},
		"failover": {
			[]string{"failover", "--rounds", "0", "--replicas=-1,5", "--kinds", "burnt", "--tickets", "0", "--rate", "0", "--clients", "0", "--nodes", "0",
				"--binaries", elsewhere},
			[]string{"--rounds 0: want at least 1", "--replicas -1: want 0 to 4", "--replicas 5: want 0 to 4", "--kinds burnt: want some of", "--tickets 0: want at least 1",
				"--rate 0: want more than 0", "--clients 0: want at least 1", "--nodes 0: want at least 1", lacks},
		},
		"redis": {
			[]string{"redis", "--claims", "0", "--turns", "0", "--before", elsewhere},
			[]string{"--claims 0: want at least 1", "--turns 0: want at least 1", "--before " + elsewhere + ": want a checkout"},
		},
		"million": {
			[]string{"million", "--tickets", "999", "--pairs", "0", "--turn", "0s", "--connections", "0", "--nice", "20", "--binaries", elsewhere},
			[]string{"--tickets 999: want at least 1000", "--pairs 0: want at least 1", "--turn 0s: want more than 0", "--connections 0: want 1 to",
				"--nice 20: want 0 to 19", lacks},
		},
		"sales": {
			[]string{"sales", "--sales", "2", "--hot", "3", "--nodes", "0", "--creators", "65", "--rate", "NaN", "--for", "0s", "--openings=-1",
				"--returns=-1", "--redis-most", "0", "--node-most", "0", "--binaries", elsewhere},
			[]string{"--hot 3: want at least 1", "--nodes 0: want at least 1", "--creators 65: want 1 to 64", "--rate NaN: want more than 0", "--for 0s: want",
				"--openings -1: want", "--returns -1: want", "--redis-most 0: want", "--node-most 0: want", lacks},
		},
		"refunds": {
			[]string{"refunds", "--payments", "0", "--pairs", "0", "--turn", "0s", "--rate", "0", "--connections", "0", "--page", "1001", "--binaries", elsewhere},
			[]string{"--payments 0: want at least 1", "--pairs 0: want at least 1", "--turn 0s: want more than 0", "--rate 0: want more than 0",
				"--connections 0: want 1 to", "--page 1001: want 1 to 1000", lacks},
		},
		"a negative duration":  {[]string{"soak", "--for=-1s"}, []string{"--for: want a duration such as"}},
		"no connections":       {[]string{"connections", "0", "--binaries", elsewhere}, []string{"connections 0: want 1 to 1265000", lacks}},
		"too many connections": {[]string{"connections", "1265001"}, []string{"connections 1265001: want 1 to 1265000, which is 5000 from each of 253 source addresses"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(t.Context(), test.args)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got\n%v\nwant %q in it", err, want)
				}
			}
			if got := len(strings.Split(err.Error(), "\n")); got != len(test.want) {
				t.Errorf("got %d faults, want %d:\n%v", got, len(test.want), err)
			}
		})
	}
}

// A path that can't be written is found before the run.
func TestUnwritableOutputIsFoundFirst(t *testing.T) {
	file := filepath.Join(t.TempDir(), "no", "such", "folder")
	occupied := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(occupied, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	commands := [][]string{{"headline", "--json", file}, {"headline", "--html", file}, {"headline", "--out", occupied}}
	for _, name := range []string{"orders", "ratios", "metrics", "soak", "failover", "million", "line", "sales", "scale", "connections", "refunds", "flood", "compare"} {
		commands = append(commands, []string{name, "--json", file})
	}
	for _, args := range commands {
		t.Run(args[0]+args[1], func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			err := run(t.Context(), append(args, "--binaries", binaries))
			if path := args[2]; err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names %s", err, path)
			}
			if started, _ := os.ReadDir(os.Getenv("TMPDIR")); len(started) > 0 {
				t.Errorf("got %v: a cluster was started", started)
			}
		})
	}
}

func TestWhatAFileHoldsStaysUntilThereIsAResult(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	if err := os.WriteFile(file, []byte("an earlier result"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := creatable("", file); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); string(got) != "an earlier result" || err != nil {
		t.Errorf("got %q, %v, want what it held", got, err)
	}
}

func TestEveryEndHasItsOwnError(t *testing.T) {
	for name, test := range map[string]struct {
		interrupted     bool
		faults, unshown []string
		want            string
	}{
		"broken":      {faults: []string{"oversold"}, want: errBroken.Error()},
		"unshown":     {unshown: []string{"nothing was killed"}, want: errUnshown.Error()},
		"interrupted": {interrupted: true, want: errInterrupted.Error()},
	} {
		if err := ended(test.interrupted, test.faults, test.unshown); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if err := ended(false, nil, nil); err != nil {
		t.Errorf("got %v of a clean run, want nil", err)
	}
}
