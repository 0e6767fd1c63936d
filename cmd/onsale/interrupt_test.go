package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// spawn is the command as a process of its own, up to its greeting.
func spawn(t *testing.T) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], "dev", "--port", "0", "--keys", keysIn(t))
	cmd.Env = append(os.Environ(), asMain+"=1")
	out, in := io.Pipe()
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	greeted := make(chan bool, 1)
	go func() {
		b := make([]byte, 4096)
		for seen := ""; ; {
			n, err := out.Read(b)
			if seen += string(b[:n]); strings.Contains(seen, "Ctrl-C") {
				greeted <- true
				seen = ""
			}
			if err != nil {
				close(greeted)
				return
			}
		}
	}()
	t.Cleanup(func() { in.Close() })
	if !<-greeted {
		t.Fatalf("got no greeting, but %v", cmd.Wait())
	}
	return cmd
}

func TestInterrupts(t *testing.T) {
	t.Run("one drains, and the exit status is that of the audit", func(t *testing.T) {
		cmd := spawn(t)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("got %v, want exit status 0", err)
		}
	})
	t.Run("a second one ends the process at once", func(t *testing.T) {
		cmd := spawn(t)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
					t.Fatal(err)
				}
				continue
			case <-ended:
			}
			break
		}
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGINT {
			t.Errorf("got %v, want the end by the signal", cmd.ProcessState)
		}
	})
}
