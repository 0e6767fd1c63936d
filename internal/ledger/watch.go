package ledger

import (
	"maps"
	"slices"
	"sync"
	"time"

	"onsale/internal/sale"
)

// watch is what a ledger knows of the world: which sales there are, what waits for them, and
// when the two stores answered last. Its lock is never held across a call.
type watch struct {
	mu              sync.Mutex
	statuses        map[sale.ID]saleStatus
	redis, postgres time.Time
}

// saleStatus is one sale as it was seen last.
type saleStatus struct {
	listed   bool
	measured bool
	entries  int64     // that wait in its stream
	head     string    // the oldest of them
	moved    time.Time // when something of them was recorded, or there were none
	stalled  bool      // as it was reported last
	resting  bool      // Redis and the ledger agreed at the last look: there is nothing to measure
}

// list takes a new listing. A sale that is no longer listed is kept until its stream is seen
// empty, and then dropped and returned: what waits there was sold.
func (w *watch) list(ids []sale.ID) (dropped []sale.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	is := make(map[sale.ID]bool, len(ids))
	for _, id := range ids {
		is[id] = true
	}
	for id, s := range w.statuses {
		s.listed = is[id]
		w.statuses[id] = s
		if !s.listed && s.measured && s.entries == 0 {
			delete(w.statuses, id)
			dropped = append(dropped, id)
		}
	}
	for _, id := range ids {
		s, known := w.statuses[id]
		if !known {
			s.moved = time.Now()
		}
		s.listed = true
		w.statuses[id] = s
	}
	return dropped
}

// saw takes a sale's backlog, and reports whether the sale is still known.
func (w *watch) saw(id sale.ID, entries int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, known := w.statuses[id]
	if known {
		s.measured, s.entries = true, entries
		w.statuses[id] = s
	}
	return known
}

// progress takes the oldest entry that waits for a sale, or that there is none. Of a sale that can't be read it is not called.
func (w *watch) progress(id sale.ID, head string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, known := w.statuses[id]
	if known && (head == "" || head != s.head) {
		s.head, s.moved = head, time.Now()
		w.statuses[id] = s
	}
}

// stalled reports whether a sale has made no progress for so long.
func (w *watch) stalled(limit time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.statuses {
		if !s.resting && time.Since(s.moved) > limit {
			return true
		}
	}
	return false
}

// stalls calls report with every sale, whether it is stalled, and whether that has changed.
func (w *watch) stalls(limit time.Duration, report func(id sale.ID, stalled bool)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, s := range w.statuses {
		stalled := !s.resting && time.Since(s.moved) > limit
		if s.resting && !s.stalled {
			continue
		}
		report(id, stalled)
		s.stalled = stalled
		w.statuses[id] = s
	}
}

// rest notes that nothing waits for a sale, and that its record is where Redis is.
func (w *watch) rest(id sale.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s, known := w.statuses[id]; known {
		s.measured, s.entries, s.head, s.resting = true, 0, "", true
		w.statuses[id] = s
	}
}

// wake notes that a sale has to be measured from now on. One that was just opened may not be
// listed yet.
func (w *watch) wake(id sale.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, known := w.statuses[id]
	if !known || s.resting {
		s.listed, s.resting, s.moved = true, false, time.Now()
		w.statuses[id] = s
	}
}

// awake is every sale that has to be measured, sorted.
func (w *watch) awake() (ids []sale.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, s := range w.statuses {
		if !s.resting {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// known is every sale that there is, sorted.
func (w *watch) known() []sale.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.statuses))
}

// answered records that one of the stores has answered just now.
func (w *watch) answered(which *time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*which = time.Now()
}

// fresh reports whether both stores answered within that time.
func (w *watch) fresh(within time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.redis.IsZero() && !w.postgres.IsZero() && time.Since(w.redis) < within && time.Since(w.postgres) < within
}
