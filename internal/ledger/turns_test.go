package ledger

import (
	"testing"
	"time"
)

func granted(t *turn) bool {
	select {
	case <-t.granted:
		return true
	default:
		return false
	}
}

func TestTheSaleThatSoldLastIsReconciledNext(t *testing.T) {
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	q := &turns{free: 2}
	a, b := q.ask(at(1)), q.ask(at(2))
	old, unknown, hot, gone := q.ask(at(3)), q.ask(time.Time{}), q.ask(at(9)), q.ask(at(10))
	if !granted(a) || !granted(b) || granted(old) || granted(unknown) || granted(hot) || granted(gone) {
		t.Fatal("want the first two to begin, and no other")
	}
	q.leave(gone) // somebody else reconciles it
	for i, want := range []*turn{hot, old, unknown} {
		q.leave([]*turn{a, b, hot}[i])
		if !granted(want) {
			t.Fatalf("turn %d was not given to the one that sold last", i)
		}
	}
	if q.leave(old); q.free != 1 {
		t.Errorf("got %d free, want 1", q.free)
	}
	if q.leave(unknown); q.free != 2 {
		t.Errorf("got %d free, want 2", q.free)
	}
}
