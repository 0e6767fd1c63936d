package membership

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain runs the tests and looks for leaked goroutines, unless the binary
// was started by a test to be a member of its own: one that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(runChild())
	}
	goleak.VerifyTestMain(m)
}

// eventually polls until ok holds: real sockets and processes have no clock
// that a test could turn.
func eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) && !ok() {
				t.Fatalf("got no such state within %v, want %s", within, what)
			}
			return
		}
	}
}

// ended is what a Run returned. One that never returns fails the test in place
// of the whole binary, minutes later.
func ended(t testing.TB, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("got a Run that goes on, want it to return")
		return nil
	}
}
