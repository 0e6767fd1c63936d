package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"onsale/internal/testbed/await"
)

// terminal is one of 80 columns and 24 lines, and what was written to it.
type terminal struct {
	user, program *os.File
	lock          sync.Mutex
	text          strings.Builder
}

func startTerminal(t *testing.T) *terminal {
	t.Helper()
	user, program, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if user, err = closable(user); err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(program, &pty.Winsize{Cols: 80, Rows: 24}); err != nil {
		t.Fatal(err)
	}
	s := &terminal{user: user, program: program}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		piece := make([]byte, 4096)
		for {
			n, err := user.Read(piece)
			s.lock.Lock()
			s.text.Write(piece[:n])
			s.lock.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { program.Close(); user.Close(); <-ended })
	return s
}

func (s *terminal) written() string {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.text.String()
}

// closable is the same file, whose Close does not wait for a Read that is under way.
func closable(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = errors.Join(unix.SetNonblock(fd, true), f.Close())
	return os.NewFile(uintptr(fd), f.Name()), err
}

// hangUp closes the user's side.
func (s *terminal) hangUp() error { return s.user.Close() }

func (s *terminal) settings(t *testing.T) unix.Termios {
	t.Helper()
	before, err := unix.IoctlGetTermios(int(s.program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *before
}

func TestTopRedrawsATerminalAndGivesItBack(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for name, end := range map[string]func(*terminal, context.CancelFunc){
		"q":      func(s *terminal, _ context.CancelFunc) { _, _ = s.user.WriteString("xq") },
		"Ctrl-C": func(_ *terminal, interrupt context.CancelFunc) { interrupt() },
	} {
		t.Run(name, func(t *testing.T) {
			s, at := startStub(t), startTerminal(t)
			title := strings.Repeat("生命", 60)
			var looks sync.Map
			s.serve = func(w http.ResponseWriter, r *http.Request) {
				if _, again := looks.LoadOrStore(r.URL.Path, true); again && strings.HasSuffix(r.URL.Path, "/sales") {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				_, _ = io.WriteString(w, `{"sales":[{"id":"concert","title":"`+title+`","total":10,"remaining":10,"recorded":true}],"nodes":[]}`)
			}
			before, stdin := at.settings(t), os.Stdin
			os.Stdin = at.program
			defer func() { os.Stdin = stdin }()
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			done := make(chan error, 1)
			go func() {
				done <- run(ctx, []string{"top", "--interval", "200ms", "--admin-addr", s.addr, "--admin-token-file", s.token}, at.program, io.Discard)
			}()
			await.Until(t, "a view, and then the reason why there is no newer one", func() bool {
				return strings.Contains(at.written(), "concert") && strings.Contains(at.written(), "no newer view than of")
			})
			if during := at.settings(t); during.Lflag&unix.ECHO != 0 {
				t.Error("got keys that are shown while it draws")
			}
			// Another size is drawn at once.
			drawn := strings.Count(at.written(), "\x1b[H")
			if err := pty.Setsize(at.program, &pty.Winsize{Cols: 40, Rows: 5}); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
				t.Fatal(err)
			}
			await.Until(t, "drawn again", func() bool { return strings.Count(at.written(), "\x1b[H") > drawn })
			end(at, interrupt)
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(patience):
				t.Fatal("got no end")
			}
			if after := at.settings(t); after != before {
				t.Errorf("got settings %+v, want %+v as before", after, before)
			}
			await.Until(t, "the cursor and the user's lines are back", func() bool { return strings.HasSuffix(at.written(), "\x1b[?25h\x1b[?1049l") })
			if got := at.written(); !strings.HasPrefix(got, "\x1b[?1049h\x1b[?25l") || strings.Count(got, "\n") > 30*strings.Count(got, "\x1b[H") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestTopWithoutATerminalPrintsViews(t *testing.T) {
	s := startStub(t)
	s.serve = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"id":"concert","total":10,"remaining":10,"recorded":true,"sales":[{"id":"concert","total":10,"remaining":10,"recorded":true}],"nodes":[]}`)
	}
	for _, args := range [][]string{{"top", "--once"}, {"top", "concert", "--once"}, {"top", "--once", "--json"}} {
		out, errs, err := s.run(args...)
		if err != nil || errs != "" || !strings.Contains(out, "concert") || strings.Contains(out, "\x1b") {
			t.Errorf("%v: got %v and %q, %q", args, err, out, errs)
		}
	}
	for _, args := range [][]string{{"top", "--interval=1ms"}, {"top", "--limit=0"}} {
		if _, _, err := s.run(args...); exitStatus(err) != exitUsage {
			t.Errorf("%q: got %v, want a usage error", args, err)
		}
	}
	s.serve = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }
	if _, _, err := s.run("top", "nope", "--once"); exitStatus(err) != exitFailed {
		t.Errorf("got %v of an unknown sale, want that it failed", err)
	}
}
