package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// asProcess runs the tool as a process of its own: it exits where it has completed a line.
func asProcess(t *testing.T, env string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asMain+"=1", env)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("onsale %s: %v", strings.Join(args, " "), err)
	}
	return string(out)
}

func TestAShellCompletesVerbsAndFlags(t *testing.T) {
	for line, want := range map[string][]string{
		"onsale sale re":               {"reopen", "report", "restock"},
		"onsale order ":                {"export", "refund", "show"},
		"onsale sale restock s --delt": {"--delta"},
		"onsale sale sell":             {},
	} {
		got := strings.Fields(asProcess(t, "COMP_LINE="+line))
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

func TestCompletionIsTurnedOnInAShell(t *testing.T) {
	for shell, want := range map[string]string{"bash": "source <(onsale completion -c bash)", "zsh": "source <(onsale completion -c zsh)", "fish": "onsale completion -c fish | source"} {
		if out := asProcess(t, "_=", "completion", shell); !strings.Contains(out, want) {
			t.Errorf("%s: got:\n%s\nwant %s", shell, out, want)
		}
		if out := asProcess(t, "_=", "completion", shell, "--code"); !strings.Contains(out, os.Args[0]) || !strings.Contains(out, "complete") {
			t.Errorf("%s: got:\n%s\nwant what the shell is to run", shell, out)
		}
	}
}
