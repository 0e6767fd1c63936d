package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"onsale/internal/app/node"
	"onsale/internal/telemetry"
)

// switchedNode is a node as a process of its own, as command node runs it, that measures what it does or does not:
// switchOn and switchOff change that.
type switchedNode struct {
	Config   node.Config `embed:""`
	Switched string      `default:"metrics" enum:"metrics,tracing,nothing" help:"What is switched."`
}

const switchOn, switchOff = unix.SIGUSR1, unix.SIGUSR2

// Run sells until ctx ends.
func (s *switchedNode) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	log, _, err := telemetry.NewLog("info", false)
	if err != nil {
		return err
	}
	var off atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, switchOn, switchOff)
	go func() {
		for s := range signals {
			off.Store(s == switchOff)
		}
	}()
	on, switches := func() bool { return !off.Load() }, node.Switches{}
	switch s.Switched {
	case "metrics":
		switches.Metrics = on
	case "tracing":
		switches.Traces = on
	}
	n, err := node.NewSwitched(s.Config, log, switches)
	if err != nil {
		return err
	}
	n.Rest()
	return n.Run(ctx)
}
