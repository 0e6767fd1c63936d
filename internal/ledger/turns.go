package ledger

import (
	"sync"
	"time"
)

// turns bounds how many sales are reconciled at once. Redis that comes back empty has lost
// all of them: the sale that sold last gets the next turn, for its buyers are waiting. So that
// it does not wait for others that were found lost just before, each waits for settle first.
type turns struct {
	settle  time.Duration
	mu      sync.Mutex
	free    int
	waiting []*turn
}

// turn is one sale's place; granted is closed when it may begin.
type turn struct {
	sold    time.Time
	ripe    time.Time // when it may begin
	granted chan struct{}
}

// ask queues for a turn. Anyone who asked calls leave, whether the turn was granted or not.
func (t *turns) ask(sold time.Time) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := &turn{sold, time.Now().Add(t.settle), make(chan struct{})}
	t.waiting = append(t.waiting, mine)
	// What is granted then may be another's turn, which sold later.
	time.AfterFunc(t.settle, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.grant()
	})
	return mine
}

// leave gives back a turn, or a place in the queue.
func (t *turns) leave(mine *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, w := range t.waiting {
		if w == mine {
			t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
			return
		}
	}
	t.free++
	t.grant()
}

// grant lets as many begin as may, those that sold last first: a place is kept for one that
// may not begin yet. The mutex is held.
func (t *turns) grant() {
	for t.free > 0 && len(t.waiting) > 0 {
		next := 0
		for i, w := range t.waiting {
			if w.sold.After(t.waiting[next].sold) {
				next = i
			}
		}
		if time.Until(t.waiting[next].ripe) > 0 {
			return
		}
		close(t.waiting[next].granted)
		t.waiting = append(t.waiting[:next], t.waiting[next+1:]...)
		t.free--
	}
}
