// Package failurelog logs that something began to fail and that it works again, once each, however
// often it is tried meanwhile.
package failurelog

import (
	"maps"
	"sync"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Kind is one kind of failure, by what an operator does about it.
type Kind struct {
	Begins string        // logged when it begins, with the error
	Over   string        // logged when it is over, as information
	Level  zapcore.Level // of Begins; the zero value is information
	Shared bool          // it is about what all keys share, and is logged once for all of them
}

// Log remembers what fails, by key: an operation, a sale, or both. It may be used by several
// goroutines at once.
type Log[Key comparable] struct {
	log    *zap.Logger
	fields func(Key, *Kind) []zap.Field

	mu      sync.Mutex
	failing map[Key]*Kind
}

// New makes a log in which nothing fails. fields are those of a key in each line; nil adds none.
func New[Key comparable](log *zap.Logger, fields func(Key, *Kind) []zap.Field) *Log[Key] {
	if fields == nil {
		fields = func(Key, *Kind) []zap.Field { return nil }
	}
	return &Log[Key]{log: log, fields: fields, failing: map[Key]*Kind{}}
}

// Note takes the result of one attempt: what kind of failure it was, or nil if it succeeded.
// Kinds are compared by address. It reports whether anything changed.
func (l *Log[Key]) Note(key Key, kind *Kind, err error, more ...zap.Field) (changed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.failing[key]
	if before == kind {
		return false
	}
	if kind == nil {
		delete(l.failing, key)
	} else {
		first := !kind.Shared || !l.shows(kind)
		l.failing[key] = kind
		if first {
			fields := append(l.fields(key, kind), more...)
			l.log.Log(kind.Level, kind.Begins, append(fields, zap.Error(err))...)
		}
	}
	if before != nil && !(before.Shared && l.shows(before)) {
		l.log.Info(before.Over, l.fields(key, before)...)
	}
	return true
}

// Failing reports whether the last attempt of the key failed.
func (l *Log[Key]) Failing(key Key) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failing[key] != nil
}

// Forget drops keys that are tried no more, without a line.
func (l *Log[Key]) Forget(gone func(Key) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.failing, func(key Key, _ *Kind) bool { return gone(key) })
}

// shows reports whether a kind of failure shows anywhere.
func (l *Log[Key]) shows(kind *Kind) bool {
	for _, is := range l.failing {
		if is == kind {
			return true
		}
	}
	return false
}
