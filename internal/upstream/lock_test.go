package upstream_test

import (
	"os"
	"strings"
	"testing"

	"onsale/internal/testbed/await"
)

// Two allocators on one file disagreed whenever a node came or went, and undid each other's work.
func TestOneOfTwoPublishersWritesTheFileAndTheOtherTakesOver(t *testing.T) {
	dir := t.TempDir()
	first := startPublisher(t, dir, quick("true", "true"), a)
	first.next(t)
	second := startPublisher(t, dir, quick("true", "true"), b)
	await.Until(t, "the second one waits", func() bool { return second.standsBy.Load() > 2 })
	first.Set(a, b)
	first.next(t)
	first.wantFile(t, render(a, b))
	if got := len(second.events); got != 0 {
		t.Errorf("got %d publications and failures of the one that waits, want none", got)
	}
	if got := second.logs.FilterMessageSnippet("standing by").Len(); got != 1 {
		t.Errorf("got %d log lines, want one", got)
	}
	first.stop()
	if err := second.next(t); err != nil {
		t.Fatal(err)
	}
	second.wantFile(t, render(b))
	if got := first.restored.Load() + second.restored.Load(); got != 0 {
		t.Errorf("got %d files restored, want none: nobody else wrote", got)
	}
}

func TestAFolderWithoutRoomForTheLockIsLoggedOnce(t *testing.T) {
	dir := t.TempDir()
	blocked := dir + "/.upstream.conf.lock"
	if err := os.Mkdir(blocked, 0o755); err != nil {
		t.Fatal(err)
	}
	bench := startPublisher(t, dir, quick("true", "true"), a)
	for range 3 {
		if err := bench.next(t); err == nil || !strings.Contains(err.Error(), blocked) {
			t.Fatalf("got error %v, want one that names %s", err, blocked)
		}
	}
	if got := bench.logs.FilterMessageSnippet("upstream not published").Len(); got != 1 {
		t.Errorf("got %d log lines, want one", got)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	await.Until(t, "it publishes", func() bool { return bench.next(t) == nil })
}
