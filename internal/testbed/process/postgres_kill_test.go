package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKillEndsChildrenThatDoNotNotice pauses one: a long computation is as deaf.
func TestKillEndsChildrenThatDoNotNotice(t *testing.T) {
	replace(t, &orphanGrace, 300*time.Millisecond)
	p := startPostgres(t)
	client(t, p, "SELECT pg_sleep(600)")
	deaf := slices.DeleteFunc(serving(t, p.data), func(pid int) bool { return pid == p.Pid() })
	if len(deaf) < 3 {
		t.Fatalf("got children %v, want a client's and the server's own", deaf)
	}
	for _, pid := range deaf[len(deaf)-2:] {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if left := serving(t, p.data); len(left) > 0 {
		t.Errorf("processes are left behind: %v", left)
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPostgresPauses(t *testing.T) {
	p := startPostgres(t)
	states := func() (all string) {
		for _, pid := range serving(t, p.data) {
			s, _ := readStat(pid)
			all += s.state
		}
		return all
	}
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	// The signals are sent: that the last one arrives is the kernel's business.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := p.Await(ctx, func() error {
		if got := states(); len(got) < 3 || strings.Trim(got, "T") != "" {
			return fmt.Errorf("got processes in the states %q, want T for all", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	wantAnswer(t, p, "SELECT 1", "1")
	if err := p.Stop(10 * time.Second); err != nil {
		t.Error(err)
	}
}

func TestChildIsGoneWhenItsIDIsAnothers(t *testing.T) {
	s, ok := readStat(os.Getpid())
	if !ok {
		t.Fatal("got no stat of this process")
	}
	for _, tt := range []struct {
		child child
		want  bool
	}{
		{child{os.Getpid(), s.started}, false},
		{child{os.Getpid(), s.started + "0"}, true},
	} {
		if got := tt.child.gone(); got != tt.want {
			t.Errorf("%v: got gone %v, want %v", tt.child, got, tt.want)
		}
	}
}

// TestKilledPostgresLeavesNoSharedMemory counts what is nobody's: the machine has
// room for some thousands of segments, and none would be left after many tests.
func TestKilledPostgresLeavesNoSharedMemory(t *testing.T) {
	p := startPostgres(t)
	status, err := p.status()
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Fields(status[6])[1]
	if !slices.Contains(segments(t), id) {
		t.Fatalf("got segments %v, want the server's %s among them", segments(t), id)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if got := segments(t); slices.Contains(got, id) {
		t.Errorf("got segments %v, want %s gone", got, id)
	}
}

// segments are the ids of the machine's System V shared memory.
func segments(t *testing.T) (ids []string) {
	t.Helper()
	b, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		ids = append(ids, strings.Fields(line)[1])
	}
	return ids
}

func TestPostgresDiesWithItsParent(t *testing.T) {
	dir := openDir(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentOf+"="+dir)
	parent.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parent.Wait() }) // it was killed
	var data string
	if _, err := fmt.Fscanln(out, &data); err != nil || !filepath.IsAbs(data) {
		rest, _ := io.ReadAll(out)
		t.Fatalf("got %s %s, %v, want the server's folder", data, rest, err)
	}
	if got := serving(t, data); len(got) < 3 {
		t.Fatalf("got processes %v, want a server's", got)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for limit := time.After(10 * time.Second); len(serving(t, data)) > 0; {
		select {
		case <-limit:
			for _, pid := range serving(t, data) {
				t.Errorf("process %d outlives its parent by 10 s: %v", pid, syscall.Kill(pid, syscall.SIGKILL))
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
