package process

import (
	"context"
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

// Child is a process that this one talks to over the child's standard input and output. Its
// standard error is ours. Close ends it, and is due on every way out; the child also ends with
// its ctx, and with this process.
type Child struct {
	*Process
	In  io.WriteCloser
	Out io.ReadCloser

	release func() bool // ends the watch of ctx
	close   func() error
}

// ChildOptions shape a child.
type ChildOptions struct {
	Env   []string      // in addition to ours, as "KEY=value"
	Nice  int           // added to its priority, as of nice(1)
	Grace time.Duration // how long after ctx has ended it may run on: it gets SIGTERM at once and SIGKILL then; 0: SIGKILL at once
	// Isolated has it run in a network namespace of its own, see [Isolate]. It then also
	// dies with the thread that starts it, so the caller locks its goroutine to that.
	Isolated bool
	Out      *os.File // its standard output, in place of Child.Out
}

// StartSelf runs this very program with other arguments. name is for messages.
func StartSelf(ctx context.Context, name string, o ChildOptions, args ...string) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return StartChild(ctx, name, o, self, args...)
}

// StartChild runs a program.
func StartChild(ctx context.Context, name string, o ChildOptions, path string, args ...string) (_ *Child, err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if o.Nice != 0 {
		path, args = "nice", append([]string{"-n", strconv.Itoa(o.Nice), path}, args...)
	}
	cmd := exec.Command(path, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), o.Env...), os.Stderr
	if o.Isolated {
		Isolate(cmd)
	} else {
		// A group of its own: Ctrl-C reaches the parent alone, which then ends its children.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	}
	// Pipes of our own and not exec's, which are closed as soon as the child has ended, read or not.
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, errors.Join(err, in.Close(), childIn.Close()))
	}
	cmd.Stdin, cmd.Stdout = childIn, childOut
	if o.Out != nil {
		cmd.Stdout = o.Out
	}
	err = cmd.Start()
	if cerr := errors.Join(childIn.Close(), childOut.Close()); err == nil && cerr != nil {
		err = errors.Join(cerr, cmd.Process.Kill(), cmd.Wait())
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, errors.Join(err, in.Close(), out.Close()))
	}
	c := &Child{Process: newProcess(name, "", cmd), In: in, Out: out}
	c.close = sync.OnceValue(func() error {
		c.release()
		// A pipe that the caller has closed already is closed.
		_, _ = in.Close(), out.Close()
		return c.Kill()
	})
	c.release = context.AfterFunc(ctx, func() {
		if o.Grace > 0 {
			_ = c.Stop(o.Grace) // Wait returns how it ended
		} else {
			_ = c.Kill()
		}
	})
	return c, nil
}

// Wait returns once the child has ended, with an error unless it did so of its own accord and
// with status 0.
func (c *Child) Wait() error {
	<-c.done
	if c.err != nil {
		return fmt.Errorf("%s: %w", c.Name, c.err)
	}
	return nil
}

// Output returns everything that the child writes from now on, once it has ended.
func (c *Child) Output() ([]byte, error) {
	out, err := io.ReadAll(c.Out)
	return out, errors.Join(err, c.Wait())
}

// Finish ends a child that ends with its standard input: it closes that, and kills a child that
// then runs on for longer than grace. The error is Wait's.
func (c *Child) Finish(grace time.Duration) error {
	_ = c.In.Close() // it may be closed already
	select {
	case <-c.done:
	case <-time.After(grace):
		return errors.Join(fmt.Errorf("%s did not end within %v", c.Name, grace), c.Kill())
	}
	return c.Wait()
}

// Close kills the child if it still runs, waits for it, and closes the pipes. It may be called
// twice.
func (c *Child) Close() error { return c.close() }
