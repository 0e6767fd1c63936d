package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// devSite is an onsale dev that was started from source.
type devSite struct {
	group   int         // of processes: go run, and what it has built
	address chan string // of the page; closed when the output ends
	ended   chan struct{}
	err     error    // how it ended, once ended is closed
	last    []string // lines that it printed, once ended is closed
}

// lastLines is how many lines an error shows; the last one is that of go run itself.
const lastLines = 3

// devGrace is how long the audit at the end may take.
const devGrace = time.Minute

// startDev runs onsale dev in the clone, on a free port and with keys of its own, so that a site which runs already is not disturbed.
func startDev(ctx context.Context, dir, clone string, env []string) (*devSite, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "run", "./cmd/onsale", "dev", "--port", "0", "--keys", filepath.Join(dir, "keys"))
	cmd.Dir, cmd.Env = clone, env
	// Ctrl-C reaches this process alone, which ends the group afterwards.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("go run: %w", err)
	}
	s := &devSite{group: cmd.Process.Pid, address: make(chan string, 1), ended: make(chan struct{})}
	var reading sync.WaitGroup
	reading.Go(func() { s.read(out) })
	go func() {
		err := cmd.Wait()
		_ = in.Close() // a pipe's end has no error
		reading.Wait()
		s.err = err
		close(s.ended)
	}()
	return s, nil
}

// read looks for the page's address, a line of its own.
func (s *devSite) read(out io.Reader) {
	defer close(s.address)
	found := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line != "" {
			s.last = append(s.last, line)[max(0, len(s.last)+1-lastLines):]
		}
		if !found && strings.HasPrefix(line, "http://") && strings.Contains(line, "/sales/") {
			found = true
			s.address <- line
		}
	}
	_, _ = io.Copy(io.Discard, out) // a line that is too long must not stop the program
}

// page waits for the page's address.
func (s *devSite) page(ctx context.Context) (string, error) {
	select {
	case address, printed := <-s.address:
		if printed {
			return address, nil
		}
		<-s.ended
		return "", fmt.Errorf("go run ./cmd/onsale dev printed no address of a page, and ended: %v; its last lines: %s", s.err, strings.Join(s.last, "; "))
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// end interrupts the site, as Ctrl-C does, waits for its audit, and kills what is left.
func (s *devSite) end() error {
	err := s.interrupt()
	select {
	case <-s.ended:
	case <-time.After(devGrace):
		err = errors.Join(err, fmt.Errorf("it did not end within %v", devGrace))
	}
	// The group has ended already, or is killed: there is no third.
	_ = syscall.Kill(-s.group, syscall.SIGKILL)
	<-s.ended
	if s.err != nil {
		err = errors.Join(err, fmt.Errorf("%w; its last lines: %s", s.err, strings.Join(s.last, "; ")))
	}
	return err
}

// interrupt signals what go run has started and not go run, which would end with status 1 whatever the program's is.
func (s *devSite) interrupt() error {
	procs, err := procfs.AllProcs()
	if err != nil {
		return err
	}
	for _, p := range procs {
		stat, err := p.Stat()
		if err != nil || stat.PPID != s.group {
			continue // another's, or it ended since it was listed
		}
		if err := syscall.Kill(p.PID, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}
