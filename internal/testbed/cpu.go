package testbed

import (
	"fmt"

	"github.com/prometheus/procfs"
)

// CPU is the processor time, in seconds, that each kind of process has used:
// redis, nginx, nodes, allocators, ledgers and postgres. Processes that have ended count only as
// far as their parents have waited for them: nginx's old workers do, killed
// nodes do not.
func (s *Site) CPU() (map[string]float64, error) {
	used := map[string]float64{}
	add := func(kind string, pid int) error {
		t, err := CPUTime(pid)
		used[kind] += t
		return err
	}
	for _, r := range s.servers() {
		if err := add("redis", r.Pid()); err != nil {
			return nil, err
		}
	}
	if err := add("nginx", s.Nginx.Pid()); err != nil {
		return nil, err
	}
	if s.Postgres != nil {
		if err := add("postgres", s.Postgres.Pid()); err != nil {
			return nil, err
		}
	}
	for kind, members := range map[string][]*Member{"nodes": s.Nodes, "allocators": s.Allocators, "ledgers": s.Ledgers} {
		for _, m := range members {
			if !m.Running() {
				continue
			}
			if err := add(kind, m.Pid()); err != nil {
				return nil, err
			}
		}
	}
	return used, nil
}

// CPUTime is the processor time in seconds of a process, its living children,
// and those that it has waited for.
func CPUTime(pid int) (float64, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0, err
	}
	procs, err := fs.AllProcs()
	if err != nil {
		return 0, err
	}
	var ticks float64
	found := false
	for _, p := range procs {
		stat, err := p.Stat()
		if err != nil {
			continue // it ended since it was listed
		}
		if p.PID == pid || stat.PPID == pid {
			found = found || p.PID == pid
			ticks += float64(stat.UTime + stat.STime)
		}
		if p.PID == pid {
			ticks += float64(stat.CUTime + stat.CSTime)
		}
	}
	if !found {
		return 0, fmt.Errorf("no process %d", pid)
	}
	// The kernel counts in hundredths of a second for user space, everywhere.
	return ticks / 100, nil
}
