package app

import (
	"fmt"
	"syscall"

	"onsale/internal/adminport"
)

// fewest is the least number of buyers' connections that a node is of any use with.
const fewest = 64

// besides is how many open files a process needs beside its buyers: Redis, the admin port, gossip, PostgreSQL, its log.
func besides(pool int) int { return pool + adminport.Connections + 128 }

// openFiles is how many files this process may have open. Go raises the soft limit to the hard one at the start.
func openFiles() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	return int(min(limit.Cur, 1<<20)), nil
}

// CheckFiles fails where the limit of open files is too low for what a process is to serve: it would find out when the sale begins.
func CheckFiles(pool, connections int) error {
	limit, err := openFiles()
	if err != nil {
		return err
	}
	if need := besides(pool) + connections; limit < need {
		return fmt.Errorf("this process may have %d files open and needs %d, %d of them for buyers: raise the limit (ulimit -n, LimitNOFILE of systemd)%s",
			limit, need, connections, map[bool]string{true: ", or lower --connections", false: ""}[connections > fewest])
	}
	return nil
}

// Places is how many buyers' connections a node takes: the configured number, or what the limit of open files leaves.
func Places(pool, connections int) (int, error) {
	if connections > 0 {
		return connections, CheckFiles(pool, connections)
	}
	if err := CheckFiles(pool, fewest); err != nil {
		return 0, err
	}
	limit, err := openFiles()
	return limit - besides(pool), err
}
