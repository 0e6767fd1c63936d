package ledger

import (
	"testing"
	"testing/synctest"
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
	synctest.Test(t, func(t *testing.T) {
		passes := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		q := &turns{settle: time.Second, free: 2}
		a, b := q.ask(at(1)), q.ask(at(2))
		if granted(a) || granted(b) {
			t.Fatal("want nobody to begin before nodes have registered again")
		}
		passes(time.Second)
		old, unknown, hot, gone := q.ask(at(3)), q.ask(time.Time{}), q.ask(at(9)), q.ask(at(10))
		passes(time.Minute)
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
	})
}

// All sales were lost at once, and two that nobody waited for had been found a moment before
// the one that sold: it waited for both.
func TestTheSaleThatSoldLastIsReconciledFirstThoughOthersWereFoundLostBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &turns{settle: time.Second, free: 2}
		idle := []*turn{q.ask(time.Unix(1, 0)), q.ask(time.Unix(2, 0)), q.ask(time.Unix(3, 0))}
		time.Sleep(900 * time.Millisecond)
		hot := q.ask(time.Unix(9, 0))
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if granted(hot) || granted(idle[2]) {
			t.Error("want a place kept for the one that sold last until it may begin")
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if !granted(hot) || !granted(idle[2]) || granted(idle[0]) || granted(idle[1]) {
			t.Error("want the two to begin that sold last")
		}
		q.leave(hot)
		q.leave(idle[2])
		if !granted(idle[0]) || !granted(idle[1]) {
			t.Error("want the others to begin next")
		}
	})
}
