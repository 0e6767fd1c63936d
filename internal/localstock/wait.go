package localstock

import (
	"context"
	"time"

	"onsale/internal/sale"
)

// drawTimeout bounds a draw whatever the source does; the source's own calls
// have shorter ones.
const drawTimeout = 2 * time.Second

// Refusal is why a request got no local stock.
type Refusal struct {
	// Outcome is SoldOut, NotEnough, NotOpen, Closed or Busy; Undecided where
	// Err says that Redis could not be asked.
	Outcome   sale.Outcome
	Remaining int64 // for NotEnough
	Err       error
}

// waiter is a request that waits for local stock.
type waiter struct {
	quantity   int64
	answer     chan served // one slot: whoever removes the waiter from the queue fills it
	prev, next *waiter
	queued     bool
}

type served struct {
	taken   Taken
	refusal Refusal
	ok      bool
}

// Acquire takes q tickets, and where the stock is dry has it draw and waits in
// line for at most Config.Wait. Where ok is false the refusal says why.
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
	s.drawIfDry(&st)
	s.slot <- st

	a := s.await(ctx, w)
	s.tell(a.taken)
	return a.taken, a.refusal, a.ok
}

// await returns the waiter's answer: Busy where it gave up before one came.
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
		// Who stood behind may want less than the one who left.
		st.serve()
	}
	s.slot <- st
	return <-w.answer
}

// Refuse answers everybody who waits with the outcome: the sale closed.
func (s *Stock) Refuse(o sale.Outcome) {
	st := <-s.slot
	st.waiting.refuse(Refusal{Outcome: o})
	s.slot <- st
}

// Wait returns when no draw is under way; no requests may come any more.
func (s *Stock) Wait() { s.draws.Wait() }

// drawIfDry starts a draw where somebody waits and none is under way.
func (s *Stock) drawIfDry(st *state) {
	if st.drawing || st.waiting.length == 0 {
		return
	}
	st.drawing = true
	s.draws.Add(1)
	go s.draw(st.generation, st.waiting.first.quantity)
}

// draw asks the source for the first in line, and shares the result among all
// who wait. It goes on as long as somebody is left whom this draw did not help.
func (s *Stock) draw(known sale.Generation, quantity int64) {
	defer s.draws.Done()
	ctx, cancel := context.WithTimeout(context.Background(), drawTimeout)
	defer cancel()
	g, err := s.source.Draw(ctx, known, int(quantity))
	st := <-s.slot
	st.drawing = false
	var c change
	if err != nil {
		st.waiting.refuse(Refusal{Err: err})
	} else {
		c = s.observe(&st, g.Reading)
		switch g.Outcome {
		case sale.Undecided:
			st.slice += g.Tickets
		case sale.NotEnough:
			st.waiting.refuseAbove(g.Reading.Remaining)
		case sale.NotOpen, sale.Closed:
			st.waiting.refuse(Refusal{Outcome: g.Outcome})
		}
		st.serve()
		s.drawIfDry(&st)
	}
	s.slot <- st
	s.report(c, g.Reading)
	if s.hooks.Drew != nil {
		s.hooks.Drew(g, err)
	}
}

// serve grants to those in line, first come first served, until one wants more
// than is left: who comes later may not overtake.
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

// queue is a line of waiters, a doubly linked list so that one who gives up
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

// refuse answers everybody in line.
func (q *queue) refuse(r Refusal) {
	for w := q.first; w != nil; w = q.first {
		q.remove(w)
		w.answer <- served{refusal: r}
	}
}

// refuseAbove answers those in line who want more than remains.
func (q *queue) refuseAbove(remaining int64) {
	for w := q.first; w != nil; {
		next := w.next
		if w.quantity > remaining {
			q.remove(w)
			w.answer <- served{refusal: Refusal{Outcome: sale.NotEnough, Remaining: remaining}}
		}
		w = next
	}
}
