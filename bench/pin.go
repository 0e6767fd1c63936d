package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores are two halves of the machine's processors: the servers', and those of the bench and its generator. On one
// processor both halves are that one.
func cores() (servers, clients []int) {
	all := runtime.NumCPU()
	for i := range all {
		if i < (all+1)/2 {
			servers = append(servers, i)
		}
		if i >= all/2 {
			clients = append(clients, i)
		}
	}
	return servers, clients
}

// pin keeps a process, with all threads that it has or will have, on the processors.
func pin(pid int, to []int) error {
	var set unix.CPUSet
	for _, c := range to {
		set.Set(c)
	}
	// Twice, for threads that were made by others meanwhile.
	for range 2 {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		if err != nil || len(tasks) == 0 {
			return fmt.Errorf("no process %d to pin", pid)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(filepath.Base(task))
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(tid, &set); err != nil && !os.IsNotExist(err) && err != unix.ESRCH {
				return fmt.Errorf("pinning process %d to %v: %w", pid, to, err)
			}
		}
	}
	return nil
}
