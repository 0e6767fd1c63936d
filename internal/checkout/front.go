package checkout

import (
	"context"
	"time"

	"go.uber.org/zap"

	"onsale/internal/failurelog"
	"onsale/internal/sale"
)

// restsFor is how long nobody has to have worked on the front of a line before a node moves it. A
// living allocator does every second. Lower, nodes move fronts beside it, at a call each.
const restsFor = 5 * time.Second

var notMoved = &failurelog.Kind{Begins: "can't move a line on while no allocator does", Over: "can move the line on again", Level: zap.ErrorLevel}

// advance moves the front of a sale's line on if no allocator does, so that the last ticket sells
// without one. It is called after each reading, and costs nothing otherwise.
func (c *Catalog) advance(ctx context.Context, s *Seller) {
	l := s.line.Load()
	if l == nil || !s.rests(l) {
		return
	}
	// Whoever replaces the reading moves the front: others wait as long as after a move.
	if !s.line.CompareAndSwap(l, &lineRead{l.Line, l.sent, time.Now()}) {
		return
	}
	front, r, err := c.store.Advance(ctx, s.id, l.Front)
	if err != nil {
		if ctx.Err() == nil {
			c.fronts.Note(s.id, notMoved, err)
		}
		return
	}
	c.fronts.Note(s.id, nil, nil)
	s.Observe(r)
	line := l.Line
	line.Front = front
	s.noteLine(line, r.Sent)
}

// rests reports whether there is something to sell in turn, and nobody has worked on the front for
// some time. The time is this node's own: FrontAt goes by a clock that may be set.
func (s *Seller) rests(l *lineRead) bool {
	if time.Since(l.moved) < restsFor || !l.Over || s.Remaining() == 0 {
		return false
	}
	d := s.Sale()
	now, ok := s.clock.Now()
	return ok && d.Admission == sale.AdmitLine && now >= d.Opens.Add(restsFor) && d.WindowAt(now) == sale.PhaseOnSale
}
