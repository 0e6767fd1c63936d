package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// formerPrelude and formerDeduct have the arguments of commit c6403fa, and sell as little as
// a test needs.
const (
	formerPrelude = "local node, known = ARGV[1], ARGV[2]\n"
	formerDeduct  = `
for i = 3, #ARGV, 4 do
  redis.call('HINCRBY', KEYS[1], 'held', ARGV[i + 2])
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1])
  redis.call('XADD', KEYS[6], '*', ARGV[i], ARGV[i + 3])
end
return {'ok'}`
)

// measured runs a command with bounds and reads what it wrote. A busy machine may miss a
// bound, and that alone is no failure of the test.
func measured(t *testing.T, into any, args ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out.json")
	err := run(t.Context(), append(args, "--json", file))
	if err != nil && (errors.Is(err, errBroken) || !strings.Contains(err.Error(), "beyond the bound")) {
		t.Error(err)
	}
	readResult(t, file, into)
}

func TestRedisCostOfBothVersions(t *testing.T) {
	before := t.TempDir()
	if err := os.Mkdir(filepath.Join(before, "lua"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"prelude.lua": formerPrelude, "deduct.lua": formerDeduct} {
		if err := os.WriteFile(filepath.Join(before, "lua", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var r redisCostResult
	measured(t, &r, "redis", "--claims", "3000", "--turns", "2", "--before", before)
	var order []string
	for _, turn := range r.Turns {
		order = append(order, turn.Version)
		if turn.Micros <= 0 || turn.Bytes <= 0 || turn.ClaimsCall < 64 || turn.ClaimsCall > 128 {
			t.Errorf("got %+v, want what full calls cost", turn)
		}
	}
	if diff := cmp.Diff([]string{"now", "before", "before", "now"}, order); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
	if len(r.Costs) != 4 || r.Costs[0].Bound != maxClaimMicros || r.Costs[2].Bound != 0 || r.Costs[0].Median < r.Costs[0].Min || r.Costs[0].Median > r.Costs[0].Max {
		t.Errorf("got %+v, want two figures of each, with bounds for this version", r.Costs)
	}
}

// Scripts that grant too little would look cheap.
func TestRedisCostOfASaleThatIsNotSoldOutIsNone(t *testing.T) {
	before := t.TempDir()
	if err := os.Mkdir(filepath.Join(before, "lua"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"prelude.lua": formerPrelude, "deduct.lua": "redis.call('HINCRBY', KEYS[1], 'held', 1)\nreturn {'ok'}"} {
		if err := os.WriteFile(filepath.Join(before, "lua", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "out.json")
	if err := run(t.Context(), []string{"redis", "--claims", "1000", "--turns", "1", "--before", before, "--json", file}); !errors.Is(err, errBroken) {
		t.Errorf("got error %v, want that a promise was broken", err)
	}
	var r redisCostResult
	readResult(t, file, &r)
	if diff := cmp.Diff([]string{"turn: unsold: 992"}, r.Faults); diff != "" {
		t.Errorf("eight calls grant one ticket each (-want +got):\n%s", diff)
	}
	if len(r.Turns) != 2 || len(r.Costs) != 2 || r.Costs[0].Version != versionNow {
		t.Errorf("got costs %+v, want those of this version alone", r.Costs)
	}
}

func TestRedisCostMissesItsBounds(t *testing.T) {
	r := redisCostResult{Turns: []redisTurn{{Version: versionNow, Micros: 6.6, Bytes: 250}, {Version: versionBefore, Micros: 12, Bytes: 500}}}
	r.sum()
	if diff := cmp.Diff([]string{"Redis's main thread, µs a claim"}, r.Missed); diff != "" {
		t.Errorf("missed (-want +got):\n%s", diff)
	}
}

func TestInterruptedRedisCostKeepsWhatItMeasured(t *testing.T) {
	var r redisCostResult
	interrupted(t, &r, func(file string, begun func()) interface{ Run(context.Context) error } {
		first := true
		return &redisCost{Claims: 2000, Turns: 1000, output: output{JSON: file}, measured: func() {
			if first {
				first = false
				begun()
			}
		}}
	})
	if len(r.Turns) == 0 || len(r.Turns) >= 1000 || len(r.Costs) != 2 {
		t.Errorf("got %+v, want the turns that were whole", r)
	}
}
