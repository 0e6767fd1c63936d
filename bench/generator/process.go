package generator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Process is the generator, seen from the program that started it. It makes one run at
// a time.
type Process struct {
	cmd     *exec.Cmd
	replies *json.Decoder
	number  int64 // of the last run

	mu    sync.Mutex // a stop may be written while Run returns
	in    io.WriteCloser
	calls *json.Encoder

	stop func() error
}

// grace is how long a process that was told to stop may take for it. It looks a
// hundred times a second, and then has to write down what it measured.
const grace = 10 * time.Second

// Start runs this very program again with the command generate, which has to be a
// Command, and returns once it has signed a token for each of so many buyers. Where
// ctx ends before, the process is killed; later Run has a ctx of its own.
func Start(ctx context.Context, keys string, buyers int) (*Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "generate", "--keys", keys, "--buyers", strconv.Itoa(buyers))
	cmd.Stderr = os.Stderr
	// A group of its own: Ctrl-C reaches the parent alone, which then stops the run
	// and still gets what it measured.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, replies: json.NewDecoder(out), in: in, calls: json.NewEncoder(in)}
	p.stop = sync.OnceValue(p.end)
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
func (p *Process) Run(ctx context.Context, o Order) (Run, error) {
	if err := errors.Join(o.Validate(), ctx.Err()); err != nil {
		return Run{}, err
	}
	p.number++
	number := p.number
	if err := p.call(call{number, &o}); err != nil {
		return Run{}, fmt.Errorf("the generator takes no order: %w", err)
	}
	answered := make(chan struct{})
	release := context.AfterFunc(ctx, func() { p.halt(number, answered) })
	var a reply
	err := p.replies.Decode(&a)
	close(answered)
	release()
	switch {
	case err != nil:
		return Run{}, fmt.Errorf("the generator fell: %w", errors.Join(err, ctx.Err()))
	case a.Run == nil:
		return Run{}, errors.New("the generator sent no run")
	case a.Stopped:
		return *a.Run, fmt.Errorf("after %d of %d requests: %w", a.Run.Sent, o.Requests, errors.Join(errStopped, ctx.Err()))
	case a.Error != "":
		return *a.Run, errors.New(a.Error)
	}
	return *a.Run, nil
}

// halt tells the process to stop a run, and kills it if it does not.
func (p *Process) halt(number int64, answered <-chan struct{}) {
	// A pipe that can't be written has no reader, so the answer fails too.
	_ = p.call(call{Number: number})
	select {
	case <-answered:
	case <-time.After(grace):
		p.kill()
	}
}

func (p *Process) call(c call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls.Encode(c)
}

// kill ends the process; Stop tells how it ended.
func (p *Process) kill() { _ = p.cmd.Process.Kill() }

// Pid is the process's id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stop ends the process and waits for it. It may be called twice, but not during Run:
// end its ctx instead.
func (p *Process) Stop() error { return p.stop() }

func (p *Process) end() error {
	overdue := time.AfterFunc(grace, p.kill)
	defer overdue.Stop()
	closing := p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("generator: %w", errors.Join(err, closing))
	}
	return nil
}
