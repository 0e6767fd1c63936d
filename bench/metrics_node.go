package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"onsale/internal/app/node"
	"onsale/internal/telemetry"
)

// switchedNode is a node as a process of its own, as command node runs it, that by turns measures what it does and does
// not. Turns are short, and whose is first alternates, so that whatever makes a process slower for a while makes both slower.
type switchedNode struct {
	Config   node.Config   `embed:""`
	Switched string        `default:"metrics" enum:"metrics,tracing,nothing" help:"What is switched."`
	Turn     time.Duration `default:"50ms" help:"How long a turn takes."`
	Turns    string        `help:"File for what turns cost." type:"path"`
}

// beginTurns has a node note what its turns cost, from none; endTurns has it write that.
const beginTurns, endTurns = unix.SIGUSR1, unix.SIGUSR2

// turned is what a node's turns cost.
type turned struct {
	Micros  [2]int64  `json:"cpu_us"` // of all turns: off, on
	Answers [2]uint64 `json:"answers"`
}

// micros is what an answer cost while the node measured (1) or did not (0).
func (t turned) micros(mode int) float64 { return float64(t.Micros[mode]) / float64(t.Answers[mode]) }

// turns switches, and adds up what the process does meanwhile.
type turns struct {
	on      atomic.Bool
	answers atomic.Uint64

	sum turned
	cpu int64 // when the turn began
	was uint64
}

// Run sells until ctx ends.
func (s *switchedNode) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	log, _, err := telemetry.NewLog("info", false)
	if err != nil {
		return err
	}
	t := &turns{}
	t.on.Store(true)
	switches := node.Switches{Answered: func() { t.answers.Add(1) }}
	switch s.Switched {
	case "metrics":
		switches.Metrics = t.on.Load
	case "tracing":
		switches.Traces = t.on.Load
	}
	n, err := node.NewSwitched(s.Config, log, switches)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	taken := make(chan error, 1)
	go func() {
		defer stop()
		taken <- t.take(ctx, s.Turn, s.Turns)
	}()
	n.Rest()
	err = n.Run(ctx)
	stop()
	return errors.Join(err, <-taken)
}

// take takes turns until ctx ends, and writes to a file what they cost whenever it is asked to.
func (t *turns) take(ctx context.Context, every time.Duration, file string) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, beginTurns, endTurns)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case by := <-signals:
			if err := t.end(); err != nil {
				return err
			}
			if by == endTurns {
				if err := t.write(file); err != nil {
					return err
				}
			}
			t.sum = turned{}
		case <-ticker.C:
			if err := t.end(); err != nil {
				return err
			}
			t.on.Store(n%4 == 1 || n%4 == 2)
		}
	}
}

// end adds up the turn that ends.
func (t *turns) end() error {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		return err
	}
	cpu, answers, mode := (used.Utime.Nano()+used.Stime.Nano())/1000, t.answers.Load(), 0
	if t.on.Load() {
		mode = 1
	}
	t.sum.Micros[mode] += cpu - t.cpu
	t.sum.Answers[mode] += answers - t.was
	t.cpu, t.was = cpu, answers
	return nil
}

// write replaces the file, so that who waits for it reads all of it.
func (t *turns) write(file string) error {
	text, err := json.Marshal(t.sum)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return fmt.Errorf("what turns cost: %w", err)
	}
	return os.Rename(file+".new", filepath.Clean(file))
}
