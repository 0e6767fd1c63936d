package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"onsale/internal/testbed/await"
)

// startTop starts top as a process with a terminal, which it controls if session is true. It draws once an hour: whatever ends it
// is noticed by nothing else.
func startTop(t *testing.T, at *terminal, session bool) (top *exec.Cmd, ended <-chan error) {
	t.Helper()
	s := startStub(t)
	s.mu.Lock()
	s.serve = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"sales":[{"id":"concert","total":10,"remaining":10,"recorded":true}],"nodes":[]}`)
	}
	s.mu.Unlock()
	// What ignores the signal, as under nohup, would have top ignore it, too.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	c := exec.Command(os.Args[0], "top", "--interval", "1h", "--admin-addr", s.addr, "--admin-token-file", s.token)
	c.Env = append(os.Environ(), asMain+"=1", "TERM=xterm")
	c.Stdin, c.Stdout, c.Stderr = at.program, at.program, at.program
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: session}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- c.Wait() }()
	t.Cleanup(func() { _ = c.Process.Kill() }) // most have ended
	await.Until(t, "a view", func() bool { return strings.Contains(at.written(), "concert") })
	return c, result
}

// wantEnd waits for the end, which is a good one.
func wantEnd(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("got %v, want a good end", err)
		}
	case <-time.After(patience):
		t.Fatal("got no end")
	}
}

func TestTopEndsByTheSignalOfAHangupAndGivesTheTerminalBack(t *testing.T) {
	at := startTerminal(t)
	before := at.settings(t)
	top, ended := startTop(t, at, true)
	if during := at.settings(t); during == before {
		t.Fatal("got the same settings while it draws")
	}
	if err := top.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, ended)
	if after := at.settings(t); after != before {
		t.Errorf("got settings %+v, want %+v as before", after, before)
	}
	await.Until(t, "the cursor and the user's lines are back", func() bool { return strings.HasSuffix(at.written(), "\x1b[?25h\x1b[?1049l") })
}

func TestTopEndsWhenItsTerminalIsGone(t *testing.T) {
	for name, session := range map[string]bool{"with a signal": true, "without a signal": false} {
		t.Run(name, func(t *testing.T) {
			at := startTerminal(t)
			_, ended := startTop(t, at, session)
			if err := at.hangUp(); err != nil {
				t.Fatal(err)
			}
			wantEnd(t, ended)
		})
	}
}
