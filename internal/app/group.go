package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Group runs the parts of a process. Running ends when the process is asked
// to stop or a part stops by itself; the parts' own context ends later, at
// Stop, so that they serve while the process drains.
type Group struct {
	running context.Context
	fail    context.CancelCauseFunc
	parts   context.Context
	end     context.CancelFunc
	wait    sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

// NewGroup makes a group that runs until ctx ends or a part stops by itself.
func NewGroup(ctx context.Context) *Group {
	g := &Group{}
	g.running, g.fail = context.WithCancelCause(ctx)
	g.parts, g.end = context.WithCancel(context.WithoutCancel(ctx))
	return g
}

// Running is done once the process is to stop.
func (g *Group) Running() context.Context { return g.running }

// Run starts a part. The first to stop stops the rest.
func (g *Group) Run(name string, part func(context.Context) error) {
	g.wait.Go(func() {
		err := part(g.parts)
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			g.mu.Lock()
			g.errs = append(g.errs, err)
			g.mu.Unlock()
		}
		g.fail(err)
	})
}

// Stop ends all parts, waits for them and returns what went wrong.
func (g *Group) Stop() error {
	g.end()
	g.wait.Wait()
	g.fail(nil)
	return errors.Join(g.errs...)
}
