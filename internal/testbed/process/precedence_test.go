package process

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPrecedeReachesChildren(t *testing.T) {
	p, err := Start(t.TempDir(), "sh", "/bin/sh", []string{"-c", "sleep 60 & wait"})
	if err != nil {
		t.Fatal(err)
	}
	var children []int
	for begin := time.Now(); len(children) == 0; time.Sleep(time.Millisecond) {
		if children, err = childrenOf(p.Pid()); err != nil || time.Since(begin) > 10*time.Second {
			t.Fatalf("no child, %v", err)
		}
	}
	err = p.Precede()
	for _, pid := range append(children, p.Pid()) {
		// The system call returns 20 less the value of nice(1).
		if got, e := unix.Getpriority(unix.PRIO_PROCESS, pid); e != nil || err == nil && got != 20-precedence {
			t.Errorf("process %d: got priority %d, %v, want %d", pid, got, e, 20-precedence)
		}
	}
	for _, pid := range append(children, p.Pid()) {
		if e := unix.Kill(pid, unix.SIGKILL); e != nil {
			t.Error(e)
		}
	}
	if errors.Is(err, os.ErrPermission) {
		t.Skip(err)
	} else if err != nil {
		t.Error(err)
	}
}
