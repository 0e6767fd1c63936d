package localstock_test

import (
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

func wantSoldOut(t testing.TB, s *localstock.Stock, want bool) {
	t.Helper()
	if got := s.SoldOut(); got != want {
		t.Fatalf("got sold out %v, want %v", got, want)
	}
}

func TestSoldOutLeaseRunsFromTheSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStock(newSource())
		wantSoldOut(t, s, false)
		r := reading(1, 0)
		time.Sleep(400 * time.Millisecond) // the reply travels
		s.Observe(r)
		wantSoldOut(t, s, true)
		time.Sleep(600*time.Millisecond - time.Nanosecond)
		wantSoldOut(t, s, true)
		time.Sleep(time.Nanosecond)
		wantSoldOut(t, s, false)
		if !s.Exhausted() {
			t.Error("got not exhausted, want the sale exhausted until its stock returns")
		}
	})
}

func TestSoldOutReplyOlderThanALeaseStartsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStock(newSource())
		time.Sleep(time.Second)
		r := reading(1, 0)
		time.Sleep(time.Second)
		s.Observe(r)
		wantSoldOut(t, s, false)
		if !s.Exhausted() {
			t.Error("got not exhausted, want it known that Redis answered 0")
		}
	})
}

func TestSoldOutLeaseIsRenewedAndNeverShortened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStock(newSource())
		late := reading(1, 0)
		time.Sleep(300 * time.Millisecond)
		s.Observe(reading(1, 0))
		s.Observe(late) // overtaken: it ends earlier
		time.Sleep(999 * time.Millisecond)
		wantSoldOut(t, s, true)
		s.Observe(reading(1, 0))
		time.Sleep(999 * time.Millisecond)
		wantSoldOut(t, s, true)
		time.Sleep(time.Millisecond)
		wantSoldOut(t, s, false)
	})
}

func TestSoldOutIsClearedOnlyByANewerStockGeneration(t *testing.T) {
	for _, test := range []struct {
		name    string
		stock   sale.Generation
		sent    time.Duration // relative to the moment when sold out was learned
		left    int64
		soldOut bool
	}{
		{"newer generation with stock clears it", 11, 0, 3, false},
		{"newer generation sent earlier clears it", 11, -time.Millisecond, 3, false},
		{"same generation is a reply overtaken", 10, time.Millisecond, 3, true},
		{"older generation sent earlier is outdated", 9, -time.Millisecond, 3, true},
		{"older generation sent at the same moment is outdated", 9, 0, 3, true},
		{"older generation sent later is data loss, and believed", 9, time.Millisecond, 3, false},
		{"newer generation without stock renews it", 11, 0, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStock(newSource())
				time.Sleep(time.Minute)
				s.Observe(reading(10, 0))
				learned := time.Now()
				time.Sleep(5 * time.Millisecond)
				s.Observe(sale.Reading{Sent: learned.Add(test.sent), At: 1, Remaining: test.left, Stock: test.stock})
				wantSoldOut(t, s, test.soldOut)
				if got := s.Exhausted(); got != test.soldOut {
					t.Errorf("got exhausted %v, want %v", got, test.soldOut)
				}
			})
		})
	}
}

// TestOutdatedSoldOutIsIgnored: a reply of the time before stock returned proves
// nothing about the stock that returned.
func TestOutdatedSoldOutIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStock(newSource())
		old := reading(10, 0)
		time.Sleep(time.Millisecond)
		r := planned(3, 5, 5)
		r.Stock = 11
		s.Observe(r)
		s.Observe(old)
		wantSoldOut(t, s, false)
		wantLevel(t, s, 5, 5)
	})
}

func TestSoldOutEmptiesEvenTheAllotmentItBrings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStock(newSource())
		r := planned(1, 5, 5)
		r.Remaining = 0
		s.Observe(r)
		wantLevel(t, s, 0, 0)
		if s.Generation() != 1 {
			t.Errorf("got generation %d, want the plan known", s.Generation())
		}
	})
}

func TestSoldOutHookReportsEachChangeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []bool
		s := localstock.New(newSource(), localstock.DefaultConfig(), localstock.Hooks{SoldOut: func(b bool) { got = append(got, b) }})
		s.Observe(reading(1, 5))
		s.Observe(reading(1, 0))
		s.Observe(reading(1, 0))
		time.Sleep(5 * time.Second)
		s.Observe(reading(1, 0))
		s.Observe(reading(2, 5))
		s.Observe(reading(3, 5))
		s.Observe(reading(4, 0))
		if len(got) != 3 || !got[0] || got[1] || !got[2] {
			t.Errorf("got reports %v, want sold out, returned, sold out", got)
		}
	})
}

func TestSoldOutLeaseAnswersWithoutARefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		s.Observe(reading(1, 0))
		acquire(t.Context(), s, 1).refused(t, sale.SoldOut)
		src.idle(t)

		time.Sleep(time.Second)
		// The lease has ended: everybody waits for one refill that renews it.
		rs := queue(t, s, 1, 1, 1)
		src.next(t).grants(sale.Grant{Reading: reading(1, 0), Result: sale.GrantSoldOut})
		for _, r := range rs {
			r.refused(t, sale.SoldOut)
		}
		wantSoldOut(t, s, true)
		s.Wait()
	})
}
