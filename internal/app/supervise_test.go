package app_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/testbed/await"
)

// systemd is what a program reports to.
func systemd(t *testing.T) (reports chan string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	reports = make(chan string, 1000)
	go func() {
		defer close(reports)
		for packet := make([]byte, 4096); ; {
			n, err := conn.Read(packet)
			if err != nil {
				return
			}
			reports <- string(packet[:n])
		}
	}()
	return reports
}

// until returns the reports up to the one that is wanted.
func until(t *testing.T, reports chan string, want string) (seen []string) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		select {
		case r := <-reports:
			if seen = append(seen, r); r == want {
				return seen
			}
		case <-limit:
			t.Fatalf("got %q, want %q", seen, want)
		}
	}
}

func TestSystemdLearnsWhenAProgramIsReadyAndStops(t *testing.T) {
	var ready, hangs atomic.Bool
	var unanswered atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case hangs.Load():
			unanswered.Add(1)
			<-r.Context().Done()
		case ready.Load():
			_, _ = io.WriteString(w, "ready\n")
		default:
			http.Error(w, "not ready: Redis does not answer", http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	reports := systemd(t)
	t.Setenv("WATCHDOG_USEC", "300000")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- app.Command(ctx, "program", "", []string{"--admin=" + server.Listener.Addr().String()}, io.Discard, func(ctx context.Context, _ probed, _ app.Log) error {
			<-ctx.Done()
			return errors.New("it ended")
		})
	}()
	seen := until(t, reports, "STATUS=not ready: Redis does not answer")
	ready.Store(true)
	if seen = append(seen, until(t, reports, "READY=1")...); strings.Count(strings.Join(seen, "\n"), "READY") != 1 || strings.Contains(strings.Join(seen, "\n"), "WATCHDOG") {
		t.Errorf("got %q, want READY alone, and not before it is", seen)
	}
	until(t, reports, "WATCHDOG=1")
	ready.Store(false) // Redis is away: the program is well
	until(t, reports, "STATUS=not ready: Redis does not answer")
	until(t, reports, "WATCHDOG=1")
	hangs.Store(true)
	if seen := until(t, reports, "STATUS=the admin port does not answer"); strings.Count(strings.Join(seen, "\n"), "WATCHDOG") > 1 {
		t.Errorf("got %q, want no more from a program that hangs than what was under way", seen)
	}
	await.Until(t, "the third probe without an answer", func() bool { return unanswered.Load() > 2 })
	stop()
	if seen := until(t, reports, "STOPPING=1\nSTATUS=stopping"); len(seen) != 1 {
		t.Errorf("got %q, want no word to the watchdog of a program that hangs", seen)
	}
	if err := <-ended; err == nil || err.Error() != "it ended" {
		t.Errorf("got %v, want the program's own error", err)
	}
}

// The watchdog of another process, such as a shell that started this one, is not ours.
func TestAWatchdogOfAnotherProcessIsNotAnswered(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "300000")
	t.Setenv("WATCHDOG_PID", "1")
	if got := app.Watchdog(); got != time.Second {
		t.Errorf("got %v, want the pace without a watchdog", got)
	}
}
