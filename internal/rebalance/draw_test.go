package rebalance

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/line"
	"onsale/internal/membership/membershiptest"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// The leader freezes the line once its draw is due, and publishes the hash of the list.
func TestTheLeaderDrawsTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(nil)
		secret := strings.Repeat("0a", 32)
		d := sale.Sale{ID: "line", Total: 100, Price: 1, HoldFor: time.Minute, Admission: sale.AdmitLine, LineSecret: sale.Secret(secret),
			DrawAt: 60_000}
		is := &sale.Line{Joined: 3}
		b := &book{Sale: model.New(d, "life", false), line: is}
		s.with(func() { s.books["line"], b.Now = b, 59_999 })
		a := newAllocator(membershiptest.New(selling("a", "b")...), s, newRecord(), DefaultConfig()).start(t)
		defer a.stop()
		pass(time.Minute)
		if n := s.count(OpDraw, "line"); n != 0 {
			t.Errorf("%d steps before the draw is due", n)
		}
		s.with(func() { b.Now++ })
		pass(time.Minute)
		list, err := line.NewList("line", secret)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range []string{"b2", "b0", "b1"} {
			list.Add(b)
		}
		want := line.HashEntries(list.Sorted()).String()
		s.with(func() {
			if !is.Over || is.List != want {
				t.Errorf("got %+v, want the list %s", is, want)
			}
		})
		if n := s.count(OpDraw, "line"); n != 2 {
			t.Errorf("%d steps, want freeze and list alone", n)
		}
	})
}
