package upstream_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
	"onsale/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a publisher under test.
type bench struct {
	*membershiptest.Members
	file   string
	logs   *observer.ObservedLogs
	events chan error // nil for each publication, else its failure

	restored, leftOut, standsBy atomic.Int64

	stop func() // ends it, also before the test does
}

// startPublisher runs a publisher over the nodes until the test ends. Its file is in
// dir; commands run in dir through sh; adjust may be nil.
func startPublisher(t *testing.T, dir string, adjust func(*upstream.Config), nodes ...sale.Node) *bench {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	b := &bench{Members: membershiptest.New(nodes...), file: filepath.Join(dir, "upstream.conf"), logs: logs, events: make(chan error, 1000)}
	cfg := upstream.DefaultConfig(upstream.Rendered)
	cfg.File = b.file
	if adjust != nil {
		adjust(&cfg)
	}
	hooks := upstream.Hooks{
		Published: func(int, int, time.Duration) { b.events <- nil },
		Failed:    func(err error) { b.events <- err },
		Restored:  func() { b.restored.Add(1) },
		StandsBy:  func() { b.standsBy.Add(1) },
		LeftOut:   func(nodes int) { b.leftOut.Store(int64(nodes)) },
	}
	p, err := upstream.New(b.Members, cfg, hooks, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: got %v, want nil", err)
		}
	})
	t.Cleanup(b.stop)
	return b
}

// quick makes a publisher that real commands can be awaited with.
func quick(test, reload string) func(*upstream.Config) {
	return func(c *upstream.Config) {
		c.Debounce, c.MinInterval, c.Retry = time.Millisecond, time.Millisecond, 20*time.Millisecond
		c.Test = []string{"sh", "-c", "cd " + filepath.Dir(c.File) + " && " + test}
		c.Reload = []string{"sh", "-c", "cd " + filepath.Dir(c.File) + " && " + reload}
	}
}

func (b *bench) next(t *testing.T) error {
	t.Helper()
	select {
	case err := <-b.events:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("nothing happened for 10 s")
		return nil
	}
}

func (b *bench) wantFile(t *testing.T, want string) {
	t.Helper()
	got, err := os.ReadFile(b.file)
	if err != nil || string(got) != want {
		t.Errorf("got file %q (%v), want %q", got, err, want)
	}
}

func render(nodes ...sale.Node) string { return string(upstream.Render(nodes)) }

var (
	a = ready("a", "10.0.0.1:8080", 1)
	b = ready("b", "10.0.0.2:8080", 1)
	c = ready("c", "10.0.0.3:8080", 1)
)
