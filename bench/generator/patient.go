package generator

import "time"

// The engine's part in the visits of patient buyers: a buyer keeps its connection until it leaves,
// also while it rests or the connection is being made anew.

// visit is who is on a connection.
func (e *engine) visit(c *conn) *visit { return &e.visits.all[c.index] }

// ready brings a connection that can send to its buyer, or to the next one who comes.
func (e *engine) ready(c *conn, now time.Duration) {
	if e.visits == nil || e.visit(c).step == absent {
		e.enter(c, free, now)
		return
	}
	e.enter(c, held, now)
	e.resume(c, now)
}

// resume sends the next request of a connection's buyer, if it is time and the connection stands.
func (e *engine) resume(c *conn, now time.Duration) {
	v := e.visit(c)
	if c.state != held || now < v.at {
		return
	}
	t := e.template
	if v.asksForOrder() {
		t = e.mine
	}
	e.visits.requests++
	e.ask(c, t, request{v.buyer, v.due, now})
}

// attend deals with what no event brings to a buyer: the end of its rest, and of its patience.
func (e *engine) attend(c *conn, at time.Duration) {
	v := e.visit(c)
	switch {
	case c.state == asked:
	case v.step == absent:
		// To a server that is away buyers come all the same, and it is their patience that ends.
		if e.in[free]+e.in[held]+e.in[asked] > 0 {
			return
		}
		if n, due, ok := e.schedule.take(at, c.since); ok {
			e.visits.come(v, n, e.order.buyer(n), due, at)
		}
	case at >= v.until:
		e.visits.giveUp(v)
		if c.state == held {
			e.enter(c, free, e.now())
		}
	case at >= v.at:
		e.resume(c, e.now())
	}
}

// windUp ends a run early: nobody comes any more or sends again. What is under way is answered
// first, since it may be an order. It reports whether nothing is left of that.
func (e *engine) windUp() bool {
	if !e.visits.ending {
		e.visits.ending, e.sends = true, false
		for i := range e.conns {
			if c := &e.conns[i]; c.state != asked {
				e.visits.interrupt(e.visit(c))
			}
		}
	}
	return e.in[asked] == 0
}
