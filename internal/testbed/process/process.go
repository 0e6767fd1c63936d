// Package process starts the programs that a cluster is made of as private
// child processes on free loopback ports: redis-server, nginx, PostgreSQL, nodes
// and allocators. It is what development mode, the benchmarks and the tests share,
// so that they run the very programs that production runs.
package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running child. It dies with its parent.
type Process struct {
	Name string
	log  string // file; empty: its output goes elsewhere
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// Start runs a program with its output appended to dir/name.log. Extra
// environment is given as "KEY=value".
func Start(dir, name, path string, args []string, env ...string) (*Process, error) {
	return start(dir, name, path, args, env, syscall.SIGKILL)
}

// start is Start with the signal by which the child learns that its parent died.
func start(dir, name, path string, args, env []string, orphaned syscall.Signal) (*Process, error) {
	return startAs(nil, dir, name, path, args, env, orphaned)
}

// startAs is start with the user that the child runs as; nil is ours.
func startAs(as *syscall.Credential, dir, name, path string, args, env []string, orphaned syscall.Signal) (*Process, error) {
	logPath := filepath.Join(dir, name+".log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.Env = append(os.Environ(), env...)
	// A group of its own: Ctrl-C reaches the parent alone, which then stops
	// its children in order. Should the parent be killed, they must not stay.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: orphaned, Credential: as}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return newProcess(name, logPath, cmd), nil
}

// newProcess waits for a command that was started.
func newProcess(name, log string, cmd *exec.Cmd) *Process {
	p := &Process{Name: name, log: log, cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p
}

// Pid is the child's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Signal sends a signal; a child that has ended already is no error.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %v to %s: %w", s, p.Name, err)
	}
	return nil
}

// Pause stops the child where it is (SIGSTOP).
func (p *Process) Pause() error { return p.Signal(syscall.SIGSTOP) }

// Resume lets a paused child go on (SIGCONT).
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Kill ends the child with SIGKILL and waits for it.
func (p *Process) Kill() error {
	err := p.Signal(syscall.SIGKILL)
	<-p.done
	return err
}

// Stop asks the child to end, and kills it where it does not within the
// grace; that, and an exit status other than 0, are errors.
func (p *Process) Stop(grace time.Duration) error {
	return p.stop(grace, syscall.SIGTERM, p.Kill)
}

// stop is Stop with the signal to ask by and the way to kill.
func (p *Process) stop(grace time.Duration, ask syscall.Signal, kill func() error) error {
	if err := p.Signal(ask); err != nil {
		return err
	}
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s: %w: %s", p.Name, p.err, p.Tail())
		}
		return nil
	case <-time.After(grace):
		return errors.Join(fmt.Errorf("%s did not stop within %v", p.Name, grace), kill())
	}
}

// Tail is the end of the child's log, if it has one, for error messages.
func (p *Process) Tail() string {
	if p.log == "" {
		return ""
	}
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}

// Await calls probe until it succeeds. It fails when ctx ends or the child
// does, with the end of the child's log.
func (p *Process) Await(ctx context.Context, probe func() error) error {
	for {
		err := probe()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended (%v) before it was up:\n%s", p.Name, p.err, p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not up: %w\n%s", p.Name, err, p.Tail())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// daemonDirs are where system daemons are that are not on every user's PATH.
var daemonDirs = []string{"/usr/sbin", "/usr/local/sbin", "/sbin"}

// Find looks a program up, in the places of system daemons too, and names the
// Debian package where it is missing.
func Find(program, pkg string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, dir := range daemonDirs {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is missing: apt-get install %s", program, pkg)
}

var ports struct {
	sync.Mutex
	given map[int]bool
}

// FreePort returns a loopback port that nobody listens on, and never the same
// twice. It stays below the kernel's ephemeral range: there, an outgoing
// connection could take the port before its server does.
func FreePort() (int, error) {
	ports.Lock()
	defer ports.Unlock()
	if ports.given == nil {
		ports.given = map[int]bool{}
	}
	for range 1000 {
		port := 12_000 + rand.IntN(20_000)
		if ports.given[port] {
			continue
		}
		tcp, err := net.Listen("tcp", Loopback(port))
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", Loopback(port))
		tcp.Close()
		if err != nil {
			continue
		}
		udp.Close()
		ports.given[port] = true
		return port, nil
	}
	return 0, errors.New("no free port between 12000 and 32000 on 127.0.0.1")
}

// Loopback is the address of a port on this machine.
func Loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
