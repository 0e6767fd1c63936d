package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// planTool runs onsale plan and returns what it printed.
func planTool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, errs strings.Builder
	err := run(t.Context(), append([]string{"plan"}, args...), &out, &errs)
	return out.String(), err
}

func TestPlanPrintsMachinesAndWhatBreaksFirst(t *testing.T) {
	t.Parallel()
	out, err := planTool(t, "--buyers", "5e6", "--tickets", "2e5", "--open-within", "60s")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"83.3 k", "Nginx", "this sale's master", "WHAT BREAKS FIRST", "claims a second", "bench ratios, commit "} {
		if !strings.Contains(out, want) {
			t.Errorf("got no %q in\n%s", want, out)
		}
	}
}

func TestPlanForPrograms(t *testing.T) {
	t.Parallel()
	costs := filepath.Join(t.TempDir(), "connections.json")
	if err := os.WriteFile(costs, []byte(`{"command": "go run ./bench connections 10", "commit": "c0ffee", "bytes_a_connection": 1}`), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := planTool(t, "--buyers", "1e6", "--tickets", "1e4", "--line-rate", "100", "--no-tls", "--costs", costs, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var got planned
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Demand.Buyers != 1e6 || got.Demand.TLS || got.Within != 60 || got.Claims != 100 || len(got.Parts) != 4 || len(got.Limits) != 4 || len(got.Costs) < 20 {
		t.Errorf("got %+v", got)
	}
	if nodes := got.Parts[1]; nodes.Memory != nodes.Open {
		t.Errorf("got %v bytes of %v connections, want the one byte each of the file", nodes.Memory, nodes.Open)
	}
}

func TestPlanRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.json")
	if err := os.WriteFile(empty, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--tickets", "1"}, "--buyers"},
		{[]string{"--buyers", "many", "--tickets", "1"}, "--buyers"},
		{[]string{"--buyers=-5", "--tickets", "0"}, "--buyers -5: want 1 to 1e10\n--tickets 0: want 1 to 1e10"},
		{[]string{"--buyers", "1", "--tickets", "NaN"}, "--tickets NaN"},
		{[]string{"--buyers", "1", "--tickets", "1", "--open-within", "0s"}, "--open-within"},
		{[]string{"--buyers", "1", "--tickets", "1", "--costs", "/nowhere.json"}, "no such file"},
		{[]string{"--buyers", "1", "--tickets", "1", "--costs", empty}, "want the JSON of go run ./bench"},
	} {
		out, err := planTool(t, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) || out != "" {
			t.Errorf("%v: got %v and %q, want %q", c.args, err, out, c.want)
		} else if got := exitStatus(err); got != exitUsage {
			t.Errorf("%v: got status %d, want %d", c.args, got, exitUsage)
		}
	}
}
