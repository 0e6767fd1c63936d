package main

import (
	"os"
	"path/filepath"
	"testing"
)

// A built onsale could not run dev --real without the source.
func TestBuiltProgramsAreFoundBesideTheTool(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "onsale")
	for _, name := range []string{"node", "allocator", "ledger"} {
		if got := programsBeside(tool, nil); got != "" {
			t.Errorf("without %s: got %q, want none", name, got)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got := programsBeside(tool, nil); got != dir {
		t.Errorf("got %q, want %q", got, dir)
	}
	if got := programsBeside(tool, os.ErrNotExist); got != "" {
		t.Errorf("got %q for a tool of unknown place, want none", got)
	}
}
