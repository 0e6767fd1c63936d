package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	on, off := t.TempDir(), t.TempDir()
	for _, program := range []string{filepath.Join(on, "onpath"), filepath.Join(off, "daemon")} {
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", on)
	before := daemonDirs
	daemonDirs = []string{off}
	t.Cleanup(func() { daemonDirs = before })

	for name, want := range map[string]string{"onpath": filepath.Join(on, "onpath"), "daemon": filepath.Join(off, "daemon")} {
		if got, err := Find(name, "pkg"); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
	if got, err := Find("nowhere", "its-package"); err == nil || !strings.Contains(err.Error(), "apt-get install its-package") {
		t.Errorf("got %q, %v, want an error that names its-package", got, err)
	}
}

func TestRedisThatCanNotStartIsNil(t *testing.T) {
	t.Setenv("PATH", "")
	before := daemonDirs
	daemonDirs = nil
	t.Cleanup(func() { daemonDirs = before })
	if r, err := StartRedis(t.Context(), t.TempDir()); r != nil || err == nil {
		t.Errorf("got %v, %v, want nil and an error", r, err)
	}
}
