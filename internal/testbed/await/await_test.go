package await

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// failing is a test that notes why it failed.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Helper() {}

func (f *failing) Fatal(args ...any) {
	f.why = fmt.Sprint(args...)
	runtime.Goexit()
}

func (f *failing) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

// failure is why do failed its test, or empty.
func failure(do func(t testing.TB)) string {
	f, ended := &failing{}, make(chan struct{})
	go func() {
		defer close(ended)
		do(f)
	}()
	<-ended
	return f.why
}

func TestWaitingEnds(t *testing.T) {
	wrong := errors.New("wrong")
	for name, c := range map[string]struct {
		wait func(t testing.TB)
		took time.Duration
		want string
	}{
		"when it is so": {func(t testing.TB) {
			begin := time.Now()
			took := Within(t, time.Minute, "ten seconds", func() bool { return time.Since(begin) >= 10*time.Second })
			if took != 10*time.Second {
				t.Fatalf("got %v", took)
			}
		}, 10 * time.Second, ""},
		"at its limit": {func(t testing.TB) {
			Within(t, time.Second, "never", func() bool { return false })
		}, time.Second + every, "waited 1s for: never"},
		"at the limit of all": {func(t testing.TB) {
			Until(t, "never", func() bool { return false })
		}, long + every, "waited 30s for: never"},
		"when it returned": {func(t testing.TB) {
			done := make(chan error, 1)
			done <- wrong
			if err := Return(t, done); err != wrong {
				t.Fatalf("got %v", err)
			}
		}, 0, ""},
		"though it never returns": {func(t testing.TB) {
			_ = Return(t, nil)
		}, long, "got a Run that goes on, want it to return"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				if got, took := failure(c.wait), time.Since(begin); got != c.want || took != c.took {
					t.Errorf("got %q after %v, want %q after %v", got, took, c.want, c.took)
				}
			})
		})
	}
}
