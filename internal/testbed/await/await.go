// Package await has tests wait for what real servers, sockets and processes do: they have no clock that
// a test could turn.
package await

import (
	"testing"
	"time"
)

const (
	// every is the time between two looks.
	every = 5 * time.Millisecond
	// long is more than anything takes that works, on a machine as busy as may be.
	long = 30 * time.Second
)

// Until looks until ok, and fails the test if that takes longer than anything should.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Within(t, long, what, ok)
}

// Within looks until ok, and fails the test if that takes longer than the limit. It returns how long it took.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > limit {
			t.Fatalf("waited %v for: %s", limit, what)
		}
		time.Sleep(every)
	}
	return time.Since(begin)
}

// Return is what a Run sent to done when it returned. One that never returns fails the test in place
// of the whole binary, minutes later.
func Return(t testing.TB, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(long):
		t.Fatal("got a Run that goes on, want it to return")
		return nil
	}
}
