package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"onsale/internal/testbed"
)

// precedence is a priority, as of nice(1). The kernel gives a thread of it 28 times as much of a contended processor as one
// of the usual priority.
const precedence = -15

// standAlone gives Redis, Nginx and the allocators precedence over the nodes. Elsewhere they have machines of their own; here
// a hundred nodes would leave each of them a hundredth of the processors, and calls of Redis and connections run into their
// time limits because of that. It returns an [os.ErrPermission] where this is not allowed.
func standAlone(s *testbed.Site) error {
	pids := []int{s.Redis.Pid(), s.Nginx.Pid()}
	workers, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", s.Nginx.Pid()))
	if err != nil {
		return err
	}
	for _, w := range strings.Fields(string(workers)) {
		pid, err := strconv.Atoi(w)
		if err != nil {
			return err
		}
		pids = append(pids, pid)
	}
	for _, a := range s.Allocators {
		pids = append(pids, a.Pid())
	}
	for _, pid := range pids {
		if err := precede(pid); err != nil {
			return err
		}
	}
	return nil
}

// precede gives all threads of a process precedence. A thread that ends meanwhile needs none.
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
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, precedence); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("precedence for process %d: %w", pid, err)
		}
	}
	return nil
}
