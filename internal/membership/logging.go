package membership

import (
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quiet is how long memberlist's lines of one kind are held back after one
// was logged. A dead peer or a wrong key makes dozens a second, all the same.
const quiet = 10 * time.Second

// logWriter brings memberlist's log lines into zap: its errors as warnings,
// because each is about one packet or one peer and gossip goes on; the rest
// for debugging, because what matters of it this package logs itself.
type logWriter struct {
	log *zap.Logger
	now func() time.Time

	mu   sync.Mutex
	last map[string]time.Time // kind → when one was logged
}

func newLogWriter(log *zap.Logger, now func() time.Time) *logWriter {
	return &logWriter{log: log, now: now, last: make(map[string]time.Time)}
}

// Write logs one line of the standard logger's. It never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	level, text := parseLine(string(line))
	if entry := w.log.Check(level, "gossip library"); entry != nil && w.due(kindOf(text)) {
		entry.Write(zap.String("detail", text))
	}
	return len(line), nil
}

// due reports whether a line of that kind may be logged now.
func (w *logWriter) due(kind string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if last, ok := w.last[kind]; ok && now.Sub(last) < quiet {
		return false
	}
	// The kinds are memberlist's own phrases, a few dozen. Should a peer find
	// a way to coin new ones, forgetting costs some repeated lines, not memory.
	if len(w.last) >= 128 {
		clear(w.last)
	}
	w.last[kind] = now
	return true
}

// parseLine takes "[ERR] memberlist: text" apart.
func parseLine(line string) (zapcore.Level, string) {
	line = strings.TrimSpace(line)
	level := zapcore.DebugLevel
	if tag, rest, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(tag, "[") {
		if strings.HasPrefix(tag, "[ERR") {
			level = zapcore.WarnLevel
		}
		line = rest
	}
	return level, strings.TrimPrefix(line, "memberlist: ")
}

// kindOf is the constant beginning of a line, before any name or address.
func kindOf(text string) string {
	if i := strings.IndexAny(text, ":('\"0123456789"); i >= 0 {
		return text[:i]
	}
	return text
}
