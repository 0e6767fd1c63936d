package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/procfs"

	"onsale/internal/pause"
	"onsale/internal/testbed"
)

// watch measures processor time, and how often a process of each kind goes to sleep.
func (r *idleResult) watch(ctx context.Context, c *testbed.Site, long time.Duration) error {
	before, err := c.CPU()
	if err != nil {
		return err
	}
	slept, err := sleeps(c)
	if err != nil {
		return err
	}
	began := time.Now()
	if !pause.For(ctx, long) {
		return ctx.Err()
	}
	took := time.Since(began).Seconds()
	after, err := c.CPU()
	if err != nil {
		return err
	}
	sleptAfter, err := sleeps(c)
	if err != nil {
		return err
	}
	for kind := range after {
		r.Cores[kind] = (after[kind] - before[kind]) / took
	}
	for kind := range sleptAfter {
		r.Wakeups[kind] = (sleptAfter[kind] - slept[kind]) / took
	}
	return nil
}

// sleeps is how often the threads of a process of each kind have gone to sleep so far, as a mean.
func sleeps(c *testbed.Site) (map[string]float64, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return nil, err
	}
	count := map[string]float64{}
	for kind, members := range map[string][]*testbed.Member{"nodes": c.Nodes, "allocators": c.Allocators, "ledgers": c.Ledgers} {
		for _, m := range members {
			threads, err := fs.AllThreads(m.Pid())
			if err != nil {
				return nil, err
			}
			for _, thread := range threads {
				status, err := thread.NewStatus()
				if err != nil {
					return nil, err
				}
				count[kind] += float64(status.VoluntaryCtxtSwitches) / float64(len(members))
			}
		}
	}
	return count, nil
}

const (
	// knownPatience is how long a crash may take to be known, to be measured.
	knownPatience = 20 * time.Second
	// betweenKills has the news of one crash spread to its end before the next.
	betweenKills = 2 * time.Second
	// crashReported is how members log that another one is gone without a farewell.
	crashReported = "gossip peer failed"
)

// kill kills a node, and waits until all others have reported that and the upstream is without it.
func (r *idleResult) kill(ctx context.Context, c *testbed.Site, victim *testbed.Member) error {
	began := time.Now()
	if err := victim.Kill(); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, knownPatience)
	defer cancel()
	var published time.Duration
	for published == 0 {
		asked, err := c.Upstream()
		if err != nil {
			return err
		}
		if _, still := asked[victim.Name]; !still {
			published = time.Since(began)
		} else if !pause.For(waiting, 10*time.Millisecond) {
			return errors.Join(ctx.Err(), fmt.Errorf("node %s was killed, and is in the upstream still", victim.Name))
		}
	}
	// The logs have the moments, so it is enough to read them now and then.
	for {
		planner, last, all, err := known(c, victim.Name)
		switch {
		case err != nil:
			return err
		case all:
			r.Planner = append(r.Planner, planner.Sub(began).Seconds())
			r.Crashes = append(r.Crashes, last.Sub(began).Seconds())
			r.Published = append(r.Published, published.Seconds())
			logLine(fmt.Sprintf("the crash of %s was known to all after %.2f s", victim.Name, last.Sub(began).Seconds()))
			pause.For(ctx, betweenKills)
			return ctx.Err()
		case !pause.For(waiting, 500*time.Millisecond):
			return errors.Join(ctx.Err(), fmt.Errorf("node %s was killed, and not all others know", victim.Name))
		}
	}
}

// known is when the allocator and when the last member reported that a node is gone, and whether all that run have.
func known(c *testbed.Site, name string) (planner, last time.Time, all bool, err error) {
	for _, m := range slices.Concat(c.Allocators, c.Nodes) {
		if !m.Running() {
			continue
		}
		reports, err := crashReports(c, m)
		if err != nil {
			return planner, last, false, err
		}
		at, reported := reports[name]
		if !reported {
			return planner, last, false, nil
		}
		if last.Before(at[0]) {
			last = at[0]
		}
		if slices.Contains(c.Allocators, m) {
			planner = at[0]
		}
	}
	return planner, last, true, nil
}

// givenUpOn counts the reports of a crash of nodes that live.
func givenUpOn(c *testbed.Site) (wrongly int, err error) {
	for _, m := range slices.Concat(c.Allocators, c.Nodes) {
		reports, err := crashReports(c, m)
		if err != nil {
			return 0, err
		}
		for _, n := range c.Nodes {
			if n.Running() {
				wrongly += len(reports[n.Name])
			}
		}
	}
	return wrongly, nil
}

// crashReports are the moments at which a member reported that others are gone, by their names.
func crashReports(c *testbed.Site, m *testbed.Member) (map[string][]time.Time, error) {
	log, err := os.ReadFile(filepath.Join(c.Dir, m.Name+".log"))
	if err != nil {
		return nil, err
	}
	reports := map[string][]time.Time{}
	for lines := bufio.NewScanner(bytes.NewReader(log)); lines.Scan(); {
		if !bytes.Contains(lines.Bytes(), []byte(crashReported)) {
			continue
		}
		var line struct {
			At   string `json:"ts"`
			Peer string `json:"peer"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("log of %s: %w", m.Name, err)
		}
		at, err := time.Parse("2006-01-02T15:04:05.000Z0700", line.At)
		if err != nil {
			return nil, fmt.Errorf("log of %s: %w", m.Name, err)
		}
		reports[line.Peer] = append(reports[line.Peer], at)
	}
	return reports, nil
}
