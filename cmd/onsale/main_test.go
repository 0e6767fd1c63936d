package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asMain has the test binary be the command, for tests of signals and pipes.
const asMain = "ONSALE_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	// What this machine has for a site of its own is not for tests.
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "ONSALE_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("ONSALE_CONFIG", "")
	// fasthttp never stops its clock for the Date header, and the cleaners of
	// its workers and connections sleep to the end of their nap after all else
	// has ended.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*Client).mCleaner"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*HostClient).connsCleaner"))
}

// patience bounds every wait of a test; a machine under load needs seconds.
const patience = 2 * time.Minute

// session is a command that runs, as its user sees it.
type session struct {
	cancel context.CancelFunc
	lines  chan string
	errors *buffer
	result chan error
}

// begin runs the command until end or the end of the test.
func begin(t *testing.T, args ...string) *session {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	out, in := io.Pipe()
	s := &session{cancel: cancel, lines: make(chan string, 1000), errors: new(buffer), result: make(chan error, 1)}
	go func() {
		err := run(ctx, args, in, s.errors)
		in.Close()
		s.result <- err
	}()
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(s.lines)
		for r := bufio.NewScanner(out); r.Scan(); {
			s.lines <- r.Text()
		}
	})
	t.Cleanup(func() {
		cancel()
		reading.Wait()
	})
	return s
}

// until returns what was printed up to a line with the mark.
func (s *session) until(t *testing.T, mark string) string {
	t.Helper()
	var seen strings.Builder
	for line := range s.lines {
		seen.WriteString(line + "\n")
		if strings.Contains(line, mark) {
			return seen.String()
		}
	}
	t.Fatalf("got no line with %q, but %v and:\n%s%s", mark, <-s.result, seen.String(), s.errors)
	return ""
}

// end interrupts the command and returns what it printed from then on.
func (s *session) end() (printed string, err error) {
	s.cancel()
	var seen strings.Builder
	for line := range s.lines {
		seen.WriteString(line + "\n")
	}
	return seen.String(), <-s.result
}

// buffer is a strings.Builder for several writers.
type buffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// finished runs a command that ends by itself.
func finished(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr strings.Builder
	err = run(t.Context(), args, &stdout, &stderr)
	return stdout.String(), err
}

// keysIn is a file for signing keys, in a folder that does not exist yet.
func keysIn(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "cache", "dev-keys.json")
}

func TestAnUnknownCommandIsAnError(t *testing.T) {
	_, err := finished(t, "sell")
	if err == nil || !strings.Contains(err.Error(), "onsale --help") {
		t.Errorf("got error %v, want one that leads to --help", err)
	}
}
