package failurelog_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"onsale/internal/failurelog"
)

var (
	away   = &failurelog.Kind{Begins: "away", Over: "back", Level: zap.WarnLevel, Shared: true}
	broken = &failurelog.Kind{Begins: "broken", Over: "whole", Level: zap.ErrorLevel}
	errAny = errors.New("any")
)

// written are the lines of a log: level, message and sale.
func written(do func(*failurelog.Log[string])) (lines []string) {
	core, logs := observer.New(zap.DebugLevel)
	do(failurelog.New(zap.New(core), func(sale string, kind *failurelog.Kind) []zap.Field {
		return []zap.Field{zap.String("sale", sale)}
	}))
	for _, e := range logs.All() {
		lines = append(lines, e.Level.String()+" "+e.Message+" "+e.ContextMap()["sale"].(string))
	}
	return lines
}

func TestBeginningAndEndAreLoggedOnce(t *testing.T) {
	got := written(func(l *failurelog.Log[string]) {
		l.Note("a", nil, nil)
		l.Note("a", broken, errAny)
		l.Note("a", broken, errAny)
		l.Note("b", broken, errAny)
		l.Note("a", nil, nil)
		l.Note("a", nil, nil)
	})
	if diff := cmp.Diff([]string{"error broken a", "error broken b", "info whole a"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestWhatAllShareIsLoggedOnceForAll(t *testing.T) {
	got := written(func(l *failurelog.Log[string]) {
		l.Note("a", away, errAny)
		l.Note("b", away, errAny)
		l.Note("a", nil, nil)
		l.Note("b", nil, nil)
	})
	if diff := cmp.Diff([]string{"warn away a", "info back b"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestAnotherFailureBeginsBeforeTheFormerIsOver(t *testing.T) {
	got := written(func(l *failurelog.Log[string]) {
		l.Note("a", away, errAny)
		l.Note("a", broken, errAny)
		if !l.Failing("a") || l.Failing("b") {
			t.Error("got the wrong key failing")
		}
		l.Note("a", nil, nil)
	})
	if diff := cmp.Diff([]string{"warn away a", "error broken a", "info back a", "info whole a"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestWhatIsForgottenEndsWithoutALine(t *testing.T) {
	got := written(func(l *failurelog.Log[string]) {
		l.Note("a", broken, errAny)
		l.Forget(func(key string) bool { return key == "a" })
		l.Note("a", nil, nil)
	})
	if diff := cmp.Diff([]string{"error broken a"}, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}
