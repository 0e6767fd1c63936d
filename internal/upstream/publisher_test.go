package upstream_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
	"onsale/internal/upstream"
)

func TestTheFirstNewsOfABurstSetsTheTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		bench := startPublisher(t, dir, nil, a)
		bench.next(t)
		time.Sleep(time.Second) // in the bubble: MinInterval is over
		began := time.Now()
		for i := range 15 { // never at rest: a change every 20 ms
			bench.Set(a, ready("b", "10.0.0.2:8080", i+1))
			time.Sleep(20 * time.Millisecond)
			synctest.Wait()
			if len(bench.events) > 0 {
				break
			}
		}
		if err := bench.next(t); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 120*time.Millisecond {
			t.Errorf("published %v after the first news, want the debounce of 100 ms", took)
		}
	})
}

func TestABurstIsOnePublication(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		bench := startPublisher(t, dir, nil, a)
		bench.next(t)
		time.Sleep(time.Second)
		for i := range 50 {
			bench.Set(a, ready("b", "10.0.0.2:8080", i+1))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := len(bench.events); got != 1 {
			t.Errorf("got %d publications, want 1", got)
		}
		bench.wantFile(t, render(a, ready("b", "10.0.0.2:8080", 50)))
	})
}

func TestPublicationsKeepTheirDistance(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		bench := startPublisher(t, dir, nil, a)
		for i := range 200 { // 10 s of change
			bench.Set(a, ready("b", "10.0.0.2:8080", i+1))
			time.Sleep(50 * time.Millisecond)
		}
		synctest.Wait()
		// One every MinInterval + Debounce.
		if got := len(bench.events); got < 15 || got > 18 {
			t.Errorf("got %d publications in 10 s of constant change, want about 17", got)
		}
	})
}

func TestNewsWithoutADifferenceReloadsNothing(t *testing.T) {
	dir := t.TempDir()
	bench := startPublisher(t, dir, func(cfg *upstream.Config) { quick("true", "echo reload >> reloads")(cfg) }, a)
	bench.next(t)
	bench.Set(a)
	bench.Set(a)
	bench.Set(a, b)
	bench.next(t)
	if got, _ := os.ReadFile(filepath.Join(dir, "reloads")); strings.Count(string(got), "reload") != 2 {
		t.Errorf("got reloads %q, want one at the start and one for the new node", got)
	}
}

func TestAFileThatIsRightAlreadyIsStillReloadedOnce(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "upstream.conf"), []byte(render(a)), 0o644); err != nil {
		t.Fatal(err)
	}
	bench := startPublisher(t, dir, quick("touch tested", "touch reloaded"), a)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "reloaded")); err != nil {
		t.Errorf("got %v, want a reload: the predecessor may have died before its own", err)
	}
}

// An allocator that has just started, or has lost its network, knows nobody.
func TestKnowingNobodyKeepsTheNodesOnDisk(t *testing.T) {
	dir := t.TempDir()
	bench := startPublisher(t, dir, quick("true", "true"), a)
	bench.next(t)
	bench.Set()
	bench.Set(ready("bad", "nonsense", 1))
	bench.Set(a, b)
	for bench.next(t) != nil {
	}
	bench.wantFile(t, render(a, b))
	bench.Set()
	select {
	case err := <-bench.events:
		t.Errorf("got %v, want nothing published for nobody", err)
	case <-time.After(100 * time.Millisecond):
	}
	bench.wantFile(t, render(a, b))
}

// An upgrade lays the shipped file over it, a hand empties it: buyers must not wait for
// news of the cluster until they are served again.
func TestAFileChangedByAnotherHandIsRestored(t *testing.T) {
	shipped := func(file string) error { return os.WriteFile(file, []byte("server 127.0.0.1:9 down;\n"), 0o644) }
	for name, c := range map[string]struct {
		change func(file string) error
		nobody bool // the allocator knows no node any more
	}{
		"by the shipped one":                {change: shipped},
		"by an empty one":                   {change: func(file string) error { return os.Truncate(file, 0) }},
		"by nothing":                        {change: os.Remove},
		"while the allocator knows nobody":  {change: shipped, nobody: true},
		"by nothing while nobody is known":  {change: os.Remove, nobody: true},
		"by a server that was there before": {change: func(file string) error { return os.WriteFile(file, []byte(render(b)), 0o644) }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				bench := startPublisher(t, dir, nil, a, b)
				bench.next(t)
				if c.nobody {
					bench.Set()
				}
				time.Sleep(5 * time.Second)
				if err := c.change(bench.file); err != nil {
					t.Fatal(err)
				}
				time.Sleep(upstream.DefaultConfig(upstream.Rendered).Check)
				synctest.Wait()
				bench.wantFile(t, render(a, b))
				if got := len(bench.events); got != 1 {
					t.Errorf("Nginx was reloaded %d times, want once", got)
				}
				time.Sleep(time.Minute)
				if got := bench.restored.Load(); got != 1 || bench.logs.FilterMessageSnippet("another hand").Len() != 1 {
					t.Errorf("reported %d times, want once in hook and log", got)
				}
			})
		})
	}
}

// A reload that fails must not pass for a change by another hand at the next news.
func TestItsOwnFileIsNoOtherHands(t *testing.T) {
	dir := t.TempDir()
	bench := startPublisher(t, dir, quick("true", "test -e works"), a)
	if bench.next(t) == nil {
		t.Fatal("got a reload, want a failure")
	}
	bench.Set(a, b)
	if err := os.WriteFile(filepath.Join(dir, "works"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for bench.next(t) != nil {
	}
	if got := bench.restored.Load(); got != 0 {
		t.Errorf("got %d restorations, want none", got)
	}
}

// Too many members, forged ones perhaps, must not freeze the upstream, nor take the
// place of nodes that sell.
func TestMoreNodesThanThereIsRoomFor(t *testing.T) {
	bench := startPublisher(t, t.TempDir(), quick("true", "true"), ready("real-1", "10.9.0.1:8080", 1), ready("real-2", "10.9.0.2:8080", 1))
	bench.next(t)
	all := sale.View{ready("real-1", "10.9.0.1:8080", 1), ready("real-2", "10.9.0.2:8080", 1), ready("real-3", "10.9.0.3:8080", 1)}
	for i := range upstream.MaxNodes + 1000 {
		n := ready(fmt.Sprintf("extra-%d", i), fmt.Sprintf("10.0.%d.%d:8080", i/250, i%250+1), 1)
		n.Ready = i%2 == 0
		all = append(all, n)
	}
	bench.Set(all...)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(bench.file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "\nserver "); n != upstream.MaxNodes {
		t.Errorf("got %d nodes, want %d", n, upstream.MaxNodes)
	}
	for _, name := range []string{`"real-1"`, `"real-2"`, `"real-3"`} {
		if !strings.Contains(string(got), name) {
			t.Errorf("%s is not in the upstream, want those that sell to stay and to come first", name)
		}
	}
	if got := bench.leftOut.Load(); got != 1003 {
		t.Errorf("reported %d left out, want 1003", got)
	}
	logged := bench.logs.FilterMessage("nodes left out of the upstream").All()
	if len(logged) != 1 || !strings.Contains(fmt.Sprint(logged[0].ContextMap()["error"]), upstream.ErrFull.Error()) {
		t.Errorf("logged %v, want once that it is full", logged)
	}
}

func TestKnowingNobodyMakesAMissingFile(t *testing.T) {
	bench := startPublisher(t, t.TempDir(), quick("true", "true"))
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	bench.wantFile(t, render())
}

func TestANodeLeftOutIsLoggedOnce(t *testing.T) {
	bench := startPublisher(t, t.TempDir(), quick("true", "true"), a, ready("bad", "host:1", 1))
	bench.next(t)
	bench.Set(a, b, ready("bad", "host:1", 1))
	bench.next(t)
	if got := bench.logs.FilterMessage("nodes left out of the upstream").Len(); got != 1 {
		t.Errorf("logged %d times, want once", got)
	}
}

func TestConfigReportsEveryFault(t *testing.T) {
	_, err := upstream.New(membershiptest.New(), upstream.Config{Test: []string{""}, Debounce: -1}, upstream.Hooks{}, zap.NewNop())
	for _, want := range []string{"file", "test", "debounce", "retry", "timeout"} {
		if err == nil || !strings.Contains(err.Error(), "upstream "+want) {
			t.Errorf("got %v, want the fault of %s", err, want)
		}
	}
}
