package membership

import (
	"fmt"
	"log"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestLibraryLines(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	now := time.Unix(0, 0)
	library := log.New(newLogWriter(zap.New(core), func() time.Time { return now }), "", 0)

	t.Run("are leveled and lose their prefix", func(t *testing.T) {
		library.Printf("[ERR] memberlist: Failed to send gossip to %s: %s", "127.0.0.1:1", "refused")
		library.Printf("[DEBUG] memberlist: Stream connection from=%s", "127.0.0.1:2")
		library.Printf("no tag at all")
		got := logs.TakeAll()
		want := []struct {
			level  zapcore.Level
			detail string
		}{
			{zapcore.WarnLevel, "Failed to send gossip to 127.0.0.1:1: refused"},
			{zapcore.DebugLevel, "Stream connection from=127.0.0.1:2"},
			{zapcore.DebugLevel, "no tag at all"},
		}
		if len(got) != len(want) {
			t.Fatalf("got %d lines, want %d: %v", len(got), len(want), got)
		}
		for i, w := range want {
			if got[i].Level != w.level || got[i].ContextMap()["detail"] != w.detail {
				t.Errorf("got %v %v, want %v %q", got[i].Level, got[i].ContextMap(), w.level, w.detail)
			}
		}
	})
	t.Run("of one kind come once in ten seconds", func(t *testing.T) {
		for i := range 100 {
			library.Printf("[ERR] memberlist: Decrypt packet failed: no key from=127.0.0.1:%d", i)
		}
		if got := len(logs.TakeAll()); got != 1 {
			t.Errorf("got %d lines, want 1", got)
		}
		now = now.Add(quiet)
		library.Print("[ERR] memberlist: Decrypt packet failed: no key")
		if got := len(logs.TakeAll()); got != 1 {
			t.Errorf("got %d lines after a while, want 1", got)
		}
	})
	t.Run("do not make memory grow, however many kinds", func(t *testing.T) {
		w := newLogWriter(zap.NewNop(), time.Now)
		for i := range 10_000 {
			w.due(fmt.Sprint("kind ", i))
		}
		if got := len(w.last); got > 128 {
			t.Errorf("got %d kinds remembered, want at most 128", got)
		}
	})
}
