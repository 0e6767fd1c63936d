package generator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"onsale/internal/testbed/process"
)

// Process is the generator, seen from the program that started it. It makes one run at
// a time.
type Process struct {
	child   *process.Child
	replies *json.Decoder
	number  int64 // of the last run

	mu    sync.Mutex // a stop may be written while Run returns
	calls *json.Encoder
}

// grace is how long a process that is asked to stop may take for it. It looks a
// hundred times a second, and then has to write down what it measured.
const grace = 10 * time.Second

// Start runs this very program again with the command generate, which has to be a
// Command, and returns once it has signed a token for each of so many buyers. Where
// ctx ends before, the process is killed; later Run has a ctx of its own.
func Start(ctx context.Context, keys string, buyers int) (*Process, error) {
	// Its ctx is not ours: Ctrl-C reaches the parent alone, which then stops the run and still
	// gets what it measured.
	child, err := process.StartSelf(context.WithoutCancel(ctx), "generator", process.ChildOptions{}, "generate", "--keys", keys, "--buyers", strconv.Itoa(buyers))
	if err != nil {
		return nil, err
	}
	p := &Process{child: child, replies: json.NewDecoder(child.Out), calls: json.NewEncoder(child.In)}
	release := context.AfterFunc(ctx, p.kill)
	var first reply
	err = p.replies.Decode(&first)
	if !release() {
		err = ctx.Err()
	}
	if err != nil || !first.Ready {
		return nil, fmt.Errorf("the generator is not ready: %w", errors.Join(err, p.Stop()))
	}
	return p, nil
}

// Run has the generator make a run. A ctx that ends before the run does stops it: what
// was measured so far is returned, with an error that wraps the ctx's.
func (p *Process) Run(ctx context.Context, o Order) (Run, error) { return p.Follow(ctx, o, nil) }

// Follow is Run, and calls progress, if set, some times a second with how many requests, or
// patient buyers, are done.
func (p *Process) Follow(ctx context.Context, o Order, progress func(done int64)) (Run, error) {
	if err := errors.Join(o.Validate(), ctx.Err()); err != nil {
		return Run{}, err
	}
	p.number++
	number := p.number
	if err := p.call(call{number, &o, progress != nil}); err != nil {
		return Run{}, fmt.Errorf("the generator takes no order: %w", err)
	}
	answered := make(chan struct{})
	release := context.AfterFunc(ctx, func() { p.halt(number, o, answered) })
	var a reply
	err := p.replies.Decode(&a)
	for err == nil && a.Done != nil {
		progress(*a.Done)
		a = reply{}
		err = p.replies.Decode(&a)
	}
	close(answered)
	release()
	switch {
	case err != nil:
		return Run{}, fmt.Errorf("the generator fell: %w", errors.Join(err, ctx.Err()))
	case a.Run == nil:
		return Run{}, errors.New("the generator sent no run")
	case a.Stopped:
		return *a.Run, fmt.Errorf("after %d of %d requests: %w", a.Run.Sent, o.Requests, errors.Join(ErrStopped, ctx.Err()))
	case a.Error != "":
		return *a.Run, errors.New(a.Error)
	}
	return *a.Run, nil
}

// stopLimit is how long a stopped run may take: patient buyers are answered first what is under way.
func stopLimit(o Order) time.Duration {
	if o.patient() {
		return o.Timeout + grace
	}
	return grace
}

// halt asks the process to stop a run, and kills it if it does not.
func (p *Process) halt(number int64, o Order, answered <-chan struct{}) {
	// A pipe that can't be written has no reader, so the answer fails too.
	_ = p.call(call{Number: number})
	select {
	case <-answered:
	case <-time.After(stopLimit(o)):
		p.kill()
	}
}

func (p *Process) call(c call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls.Encode(c)
}

// kill ends the process; Stop returns how it ended.
func (p *Process) kill() { _ = p.child.Kill() }

// Pid is the process's id.
func (p *Process) Pid() int { return p.child.Pid() }

// Stop ends the process and waits for it. It may be called twice, but not during Run:
// end its ctx instead.
func (p *Process) Stop() error { return errors.Join(p.child.Finish(grace), p.child.Close()) }

// cpuTime is what this process has used.
func cpuTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("processor time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
