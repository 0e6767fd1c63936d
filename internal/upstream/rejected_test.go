package upstream_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"onsale/internal/upstream"
)

func TestARejectedFileGivesWayToThePreviousOne(t *testing.T) {
	dir := t.TempDir()
	bench := startPublisher(t, dir, quick("echo it is broken; ! grep -q '\"b\"' upstream.conf", "true"), a)
	if err := bench.next(t); err != nil {
		t.Fatal(err)
	}
	bench.Set(a, b)
	for range 3 { // tried again and again
		err := bench.next(t)
		if err == nil || !strings.Contains(err.Error(), "it is broken") {
			t.Fatalf("got %v, want the command's output", err)
		}
	}
	bench.Set(a, c)
	for bench.next(t) != nil { // a last try may be under way
	}
	bench.wantFile(t, render(a, c))
	if got := bench.logs.FilterLevelExact(zapcore.ErrorLevel).Len(); got != 1 {
		t.Errorf("the failure was logged %d times, want once", got)
	}
}

func TestAfterARejectionTheOldFileIsOnDisk(t *testing.T) {
	for name, old := range map[string]string{"a file": render(a), "no file": ""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "upstream.conf")
			if old != "" {
				if err := os.WriteFile(file, []byte(old), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			bench := startPublisher(t, dir, func(cfg *upstream.Config) {
				quick("false", "touch reloaded")(cfg)
				cfg.Retry = time.Minute
			}, a, b)
			if bench.next(t) == nil {
				t.Fatal("got a publication, want a failure")
			}
			if got, _ := os.ReadFile(file); string(got) != old {
				t.Errorf("got file %q, want %q", got, old)
			}
			if _, err := os.Stat(filepath.Join(dir, "reloaded")); err == nil {
				t.Error("nginx was reloaded with a rejected file")
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".upstream-*")); len(left) != 0 {
				t.Errorf("got %v left behind, want nothing", left)
			}
		})
	}
}

func TestAFailedReloadIsTriedAgain(t *testing.T) {
	dir := t.TempDir()
	bench := startPublisher(t, dir, quick("true", "echo >> tries; test $(wc -l < tries) -ge 4"), a)
	failures := 0
	for bench.next(t) != nil {
		failures++
	}
	if failures != 3 {
		t.Errorf("got %d failures before the reload, want 3", failures)
	}
	bench.wantFile(t, render(a))
	if got := bench.logs.FilterLevelExact(zapcore.ErrorLevel).Len(); got != 1 {
		t.Errorf("the failure was logged %d times, want once", got)
	}
}

func TestACommandThatHangsIsEnded(t *testing.T) {
	dir := t.TempDir()
	bench := startPublisher(t, dir, func(cfg *upstream.Config) {
		quick("sleep 60", "true")(cfg)
		cfg.Timeout = 50 * time.Millisecond
	}, a)
	began := time.Now()
	if err := bench.next(t); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("got %v, want the deadline's error", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v, want the timeout of 50 ms and a second for its children", took)
	}
}
