package app_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Anyone who runs several builds at once has to know which one is which.
func TestProgramsPrintWhatTheyWereBuiltFrom(t *testing.T) {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-ldflags", "-X onsale/internal/app.commit=0123456789abcdef", "-o", dir+string(filepath.Separator), "onsale/cmd/node", "onsale/cmd/onsale")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	for _, args := range [][]string{{"node", "--version"}, {"onsale", "--version"}, {"onsale", "version"}} {
		out, err := exec.Command(filepath.Join(dir, args[0]), args[1:]...).Output()
		if err != nil || !strings.HasPrefix(string(out), args[0]+" ") || !strings.Contains(string(out), ", commit 0123456789ab") {
			t.Errorf("%v: got %q, %v, want the commit", args, out, err)
		}
	}
}
