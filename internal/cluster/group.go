package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// group runs the parts of a process. running ends when the process is asked
// to stop or a part stops by itself; the parts' own context ends later, at
// stop, so that they serve while the process drains.
type group struct {
	running context.Context
	fail    context.CancelCauseFunc
	parts   context.Context
	end     context.CancelFunc
	wait    sync.WaitGroup
	mu      sync.Mutex
	errs    []error
}

func newGroup(ctx context.Context) *group {
	g := &group{}
	g.running, g.fail = context.WithCancelCause(ctx)
	g.parts, g.end = context.WithCancel(context.WithoutCancel(ctx))
	return g
}

// run starts a part. The first to stop stops the rest.
func (g *group) run(name string, part func(context.Context) error) {
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

// stop ends all parts, waits for them and returns what went wrong.
func (g *group) stop() error {
	g.end()
	g.wait.Wait()
	g.fail(nil)
	return errors.Join(g.errs...)
}
