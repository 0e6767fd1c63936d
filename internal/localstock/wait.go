package localstock

import (
	"context"
	"time"

	"onsale/internal/sale"
)

// refillTimeout bounds a refill whatever the source does; the source's own calls
// have shorter ones.
const refillTimeout = 2 * time.Second

// Refusal is why a request got no local stock.
type Refusal struct {
	// Outcome is SoldOut, NotEnough, NotOpen, Closed or Busy. It is NoOutcome if
	// Err is set: Redis could not be asked.
	Outcome   sale.Outcome
	Remaining int64 // for NotEnough
	Err       error
}

// waiter is a request that waits for local stock.
type waiter struct {
	quantity   int64
	answer     chan served // one slot, filled by the goroutine that removes the waiter from the queue
	prev, next *waiter
	queued     bool
}

type served struct {
	taken   Taken
	refusal Refusal
	ok      bool
}

// Acquire takes q tickets. If the stock is dry, it has it refill and waits in
// its queue for at most Config.Wait. If ok is false, the refusal is the reason.
func (s *Stock) Acquire(ctx context.Context, q int) (t Taken, r Refusal, ok bool) {
	if s.SoldOut() {
		return Taken{}, Refusal{Outcome: sale.SoldOut}, false
	}
	if t, ok := s.Take(q); ok {
		return t, Refusal{}, true
	}
	w := &waiter{quantity: int64(q), answer: make(chan served, 1)}
	st := <-s.slot
	if st.waiting.length >= s.config.Waiters {
		s.slot <- st
		return Taken{}, Refusal{Outcome: sale.Busy}, false
	}
	st.waiting.push(w)
	st.serve()
	s.refillIfDry(&st)
	s.slot <- st

	a := s.await(ctx, w)
	s.reportBuffered(a.taken)
	return a.taken, a.refusal, a.ok
}

// await returns the waiter's answer: Busy if it gave up before one came.
func (s *Stock) await(ctx context.Context, w *waiter) served {
	timer := time.NewTimer(s.config.Wait)
	defer timer.Stop()
	select {
	case a := <-w.answer:
		return a
	case <-timer.C:
	case <-ctx.Done():
	}
	st := <-s.slot
	if w.queued {
		st.waiting.remove(w)
		w.answer <- served{refusal: Refusal{Outcome: sale.Busy}}
		// A waiter behind it may want less.
		st.serve()
	}
	s.slot <- st
	return <-w.answer
}

// Reject answers every waiter with the outcome: the sale closed.
func (s *Stock) Reject(o sale.Outcome) {
	st := <-s.slot
	st.waiting.reject(Refusal{Outcome: o})
	s.slot <- st
}

// Wait returns when no refill is under way; no requests may come any more.
func (s *Stock) Wait() { s.refills.Wait() }

// refillIfDry starts a refill if a request waits and none is under way.
func (s *Stock) refillIfDry(st *state) {
	if st.refilling || st.waiting.length == 0 {
		return
	}
	st.refilling = true
	s.refills.Add(1)
	go s.refill(st.generation, st.waiting.first.quantity)
}

// refill asks the source for the first in the queue, and shares the result among all
// waiters. It goes on as long as a waiter is left that this refill did not help.
func (s *Stock) refill(known sale.Generation, quantity int64) {
	defer s.refills.Done()
	ctx, cancel := context.WithTimeout(context.Background(), refillTimeout)
	defer cancel()
	g, err := s.source.Refill(ctx, known, int(quantity))
	st := <-s.slot
	st.refilling = false
	var c change
	if err != nil {
		st.waiting.reject(Refusal{Err: err})
	} else {
		c = s.observe(&st, g.Reading)
		switch {
		case g.Result == sale.Granted:
			st.slice += g.Tickets
		case c.outdated:
			// Stock has come back since: a refusal is not true any more, so they ask again.
		case g.Result == sale.GrantNotEnough:
			st.waiting.rejectAbove(g.Reading.Remaining)
		case g.Result == sale.GrantNotOpen:
			st.waiting.reject(Refusal{Outcome: sale.NotOpen})
		case g.Result == sale.GrantClosed:
			st.waiting.reject(Refusal{Outcome: sale.Closed})
		}
		st.serve()
		s.refillIfDry(&st)
	}
	s.slot <- st
	s.report(c, g.Reading)
	if s.hooks.Refilled != nil {
		s.hooks.Refilled(g, err)
	}
}

// serve grants to those in the queue, first come first served, until one wants more
// than is left: a later one may not overtake it.
func (st *state) serve() {
	for w := st.waiting.first; w != nil; w = st.waiting.first {
		t, ok := st.take(w.quantity)
		if !ok {
			return
		}
		st.waiting.remove(w)
		w.answer <- served{taken: t, ok: true}
	}
}

// queue has the waiters in a doubly linked list so that one that gives up
// leaves it in O(1). The owner of the state owns it.
type queue struct {
	first, last *waiter
	length      int
}

func (q *queue) push(w *waiter) {
	w.queued = true
	w.prev = q.last
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.length++
}

func (q *queue) remove(w *waiter) {
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	q.length--
}

// reject answers every waiter.
func (q *queue) reject(r Refusal) {
	for w := q.first; w != nil; w = q.first {
		q.remove(w)
		w.answer <- served{refusal: r}
	}
}

// rejectAbove answers the waiters that want more than remains.
func (q *queue) rejectAbove(remaining int64) {
	for w := q.first; w != nil; {
		next := w.next
		if w.quantity > remaining {
			q.remove(w)
			w.answer <- served{refusal: Refusal{Outcome: sale.NotEnough, Remaining: remaining}}
		}
		w = next
	}
}
