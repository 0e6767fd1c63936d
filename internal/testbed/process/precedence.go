package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// precedence is a priority, as of nice(1). The kernel gives a thread of it 28 times as much of a contended processor as one
// of the usual priority.
const precedence = -15

// Precede gives the process, and the children that it has or will have, precedence over others, or returns an
// [os.ErrPermission] where that is not allowed.
func (p *Process) Precede() error { return precede(p.Pid()) }

func precede(pid int) error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(tasks) == 0 {
		return fmt.Errorf("no process %d to give precedence", pid)
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			return err
		}
		// A thread that has ended meanwhile needs none.
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, precedence); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("precedence for process %d: %w", pid, err)
		}
		children, err := childrenOf(tid)
		if err != nil {
			return err
		}
		for _, child := range children {
			if err := precede(child); err != nil {
				return err
			}
		}
	}
	return nil
}

// childrenOf lists the children of a thread; one that has ended has none.
func childrenOf(tid int) (pids []int, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", tid))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	for _, field := range strings.Fields(string(raw)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, err
}
