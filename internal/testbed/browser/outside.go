package browser

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
)

// TB is what a browser and its windows need of a test. A [testing.TB] is one, and [Outside] has one for programs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Outside runs steps in a browser for a program that is no test. The first call that fails ends them, and its error is
// returned; so does the end of ctx. What the steps have started has ended by then.
func Outside(ctx context.Context, steps func(t TB)) error {
	o := new(outside)
	stop := context.AfterFunc(ctx, o.cleanup) // calls that wait for the browser fail then
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { steps(o) })
	running.Wait()
	o.cleanup()
	return errors.Join(ctx.Err(), o.err)
}

// outside is the TB of steps.
type outside struct {
	err error // of the goroutine of the steps

	mu       sync.Mutex
	ended    bool
	cleanups []func()
}

func (o *outside) Helper() {}

// Cleanup has f called when the steps have ended, the last one first.
func (o *outside) Cleanup(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		f()
		return
	}
	o.cleanups = append(o.cleanups, f)
}

func (o *outside) cleanup() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	for _, f := range slices.Backward(o.cleanups) {
		f()
	}
	o.cleanups = nil
}

func (o *outside) Fatal(args ...any) { o.fail(errors.New(fmt.Sprint(args...))) }

func (o *outside) Fatalf(format string, args ...any) { o.fail(fmt.Errorf(format, args...)) }

// fail ends the goroutine of the steps, as a test's does.
func (o *outside) fail(err error) {
	o.err = err
	runtime.Goexit()
}
