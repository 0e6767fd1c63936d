package main

import (
	"context"
	"os"
	"runtime/debug"

	"onsale/internal/app/node"
	"onsale/internal/telemetry"
)

// measuredNode is a node as a process of its own, as command node runs it, with its metrics or without.
// Both are one program: the same code laid out in another way may cost more than metrics do.
type measuredNode struct {
	Config     node.Config `embed:""`
	Unmeasured bool        `help:"Count and time nothing."`
}

// Run sells until ctx ends.
func (m *measuredNode) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	log, _, err := telemetry.NewLog("info", false)
	if err != nil {
		return err
	}
	wire := node.New
	if m.Unmeasured {
		wire = node.NewUnmeasured
	}
	n, err := wire(m.Config, log)
	if err != nil {
		return err
	}
	n.Rest()
	return n.Run(ctx)
}
