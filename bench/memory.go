package main

import (
	"fmt"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"onsale/internal/testbed"
)

// settledBytes is how much memory a measurement may take anew: about four times what
// the busiest one does.
const settledBytes = 512 << 20

// settleMemory has the machine put real pages behind its free memory. A virtual
// machine that hands free pages back to its host pays about ten times as much
// for the first touch of a page as for a later one (14 µs for 1.6, seen here),
// a third of what an order costs in Redis; so the cost of the strategy that came first
// after an idle moment would be measured. It is done before every measurement,
// for every contender alike.
func settleMemory() error {
	pages, err := unix.Mmap(-1, 0, settledBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return fmt.Errorf("settling memory: %w", err)
	}
	return unix.Munmap(pages)
}

// resident is the memory in bytes of a process and its children, PostgreSQL's of
// which there is one a connection. What they share counts once: with each of them
// all would be too much, and in parts (PSS) one would grow where another ends.
func resident(pid int) (sum int64, err error) {
	procs, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	found := false
	var shared uint64 // by the one that shares most
	for _, p := range procs {
		stat, err := p.Stat()
		if err != nil || p.PID != pid && stat.PPID != pid {
			continue // another's, or it ended since it was listed
		}
		maps, err := p.ProcSMapsRollup()
		if err != nil {
			continue
		}
		found = found || p.PID == pid
		sum += int64(maps.PrivateClean + maps.PrivateDirty)
		shared = max(shared, maps.SharedClean+maps.SharedDirty)
	}
	if !found {
		return 0, fmt.Errorf("no process %d", pid)
	}
	return sum + int64(shared), nil
}

// notePeaks raises the peaks of memory, in bytes, to those of the processes of a site that run now.
func notePeaks(c *testbed.Site, peaks map[string]int64) error {
	pids := map[string]int{"redis": c.Redis.Pid(), "ledger": c.Ledgers[0].Pid()}
	for _, n := range c.Nodes {
		pids["node "+n.Name] = n.Pid()
	}
	for _, a := range c.Allocators {
		pids["allocator "+a.Name] = a.Pid()
	}
	for name, pid := range pids {
		bytes, err := peak(pid)
		if err != nil {
			return err
		}
		peaks[name] = max(peaks[name], bytes)
	}
	return nil
}
