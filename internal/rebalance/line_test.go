package rebalance

import (
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// The leader moves a line on as long as it leads, and gives a front back that the store has lost.
func TestTheLeaderAdvancesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(map[sale.ID]int64{"open": 100})
		d := sale.Sale{ID: "line", Total: 100, Price: 1, HoldFor: time.Minute, Admission: sale.AdmitLine}
		line := &sale.Line{Joined: 1000}
		s.with(func() { s.books["line"] = &book{Sale: model.New(d, "life", false), line: line} })
		a := newAllocator(membershiptest.New(selling("a", "b")...), s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(time.Second)
		if n := s.count(OpAdvance, ""); n != 0 {
			t.Errorf("%d calls before the draw, want none", n)
		}
		s.with(func() { line.Over = true })
		pass(time.Minute)
		if n, ticks := s.count(OpAdvance, "line"), int(time.Minute/DefaultConfig().Tick); n < ticks-2 {
			t.Errorf("%d calls in a minute of %d ticks", n, ticks)
		}
		var before int64
		s.with(func() { before, line.Front = line.Front, 0 })
		pass(time.Second)
		s.with(func() {
			if line.Front < before {
				t.Errorf("front is %d after it was lost at %d", line.Front, before)
			}
		})
		if n := s.count(OpAdvance, "open"); n != 0 {
			t.Errorf("%d calls for a sale without a line", n)
		}
	})
}
