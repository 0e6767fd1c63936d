package localstock_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

func TestWaitersAreServedInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		rs := queue(t, s, 4, 1, 1)
		d := src.next(t)

		// Three tickets would be enough for those behind, but nobody overtakes.
		s.Observe(planned(1, 2, 1))
		for _, r := range rs {
			r.waits(t)
		}
		if _, ok := s.Take(1); ok {
			t.Fatal("a newcomer took a ticket past those who wait")
		}
		s.Observe(planned(2, 5, 0))
		rs[0].served(t)
		rs[1].served(t)
		rs[2].waits(t)
		d.grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 1})
		rs[2].served(t)
		wantLevel(t, s, 0, 0)
		s.Wait()
	})
}

func TestWaiterBoundAnswersBusyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src, func(c *localstock.Config) { c.Waiters = 2 })
		rs := queue(t, s, 1, 1)
		full := queue(t, s, 1)[0]
		full.refused(t, sale.Busy)
		if full.took != 0 {
			t.Errorf("got Busy after %v, want at once", full.took)
		}
		src.next(t).grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 2})
		rs[0].served(t)
		rs[1].served(t)
		s.Wait()
	})
}

func TestWaitEndsInBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		r := queue(t, s, 1)[0]
		d := src.next(t)
		<-r.done
		r.refused(t, sale.Busy)
		if r.took != 250*time.Millisecond {
			t.Errorf("got Busy after %v, want after 250ms", r.took)
		}
		// The refill goes on; what it brings is kept for the next buyer.
		d.grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 2})
		s.Wait()
		wantLevel(t, s, 2, 0)
	})
}

func TestCancelledRequestLeavesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		ctx, cancel := context.WithCancel(t.Context())
		first := acquire(ctx, s, 4)
		synctest.Wait()
		second := queue(t, s, 2)[0]
		s.Observe(planned(1, 3, 0))
		second.waits(t)

		cancel()
		first.refused(t, sale.Busy)
		// Three tickets were there all the time; only the first stood in the way.
		second.served(t)
		wantLevel(t, s, 1, 0)
		src.next(t).grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 4})
		s.Wait()
	})
}

func TestCancelledRequestTakesWhatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStock(newSource())
		s.Observe(planned(1, 1, 0))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		// The caller decides what a cancelled buyer's ticket becomes: it is taken
		// or not, never both.
		acquire(ctx, s, 1).served(t)
		wantLevel(t, s, 0, 0)
	})
}

// TestServedWhileGivingUp: a request that is woken to leave finds that it was
// served meanwhile. It keeps the tickets, and is answered once.
func TestServedWhileGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		for g := range sale.Generation(100) {
			ctx, cancel := context.WithCancel(t.Context())
			r := acquire(ctx, s, 2)
			d := src.next(t)
			cancel()
			s.Observe(planned(g+1, 2, 0))
			r.answered(t)
			left := int64(2)
			if r.ok {
				left = 0
			}
			wantLevel(t, s, left, 0)
			s.HandBack(r.taken)
			mustTake(t, s, 2) // nobody waits
			d.fails(errAway)
			s.Wait()
		}
	})
}

func TestWaitersOutliveAnEraAndAreServedByTheNewPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		s.Observe(planned(1, 1, 0))
		old := mustTake(t, s, 1)
		rs := queue(t, s, 1, 2)
		d := src.next(t)
		s.Observe(planned(2, 1, 2))
		rs[0].served(t)
		rs[1].served(t)
		wantLevel(t, s, 0, 0)

		// What they took belongs to it.
		s.HandBack(old)
		wantLevel(t, s, 0, 0)
		s.HandBack(rs[1].taken)
		wantLevel(t, s, 0, 2)
		d.grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 1})
		s.Wait()
	})
}

// TestOutdatedReadingServesByThePlanItBrings: its stock is outdated, but its
// plan is the newest, and somebody waits for it.
func TestOutdatedReadingServesByThePlanItBrings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		old := planned(1, 2, 0)
		time.Sleep(time.Millisecond)
		s.Observe(reading(5, 100))
		r := queue(t, s, 2)[0]
		s.Observe(old)
		r.served(t)
		src.next(t).fails(errAway)
		s.Wait()
	})
}

func TestHandBackServesWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		s.Observe(planned(1, 2, 1))
		taken := mustTake(t, s, 3)
		r := queue(t, s, 3)[0]
		s.HandBack(taken)
		r.served(t)
		wantLevel(t, s, 0, 0)
		src.next(t).fails(errAway)
		s.Wait()
	})
}

func TestRefuseAnswersEverybodyWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		rs := queue(t, s, 1, 4, 2)
		s.Reject(sale.Closed)
		for _, r := range rs {
			r.refused(t, sale.Closed)
		}
		src.next(t).grants(sale.Grant{Reading: reading(1, 100), Result: sale.GrantClosed})
		s.Wait()
		src.idle(t)
	})
}

// TestBufferIsReportedWhereAWaiterTakesIt: a slice that runs out while buyers
// wait is the same news as one that runs out under Take.
func TestBufferIsReportedWhereAWaiterTakesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, buffered := newSource(), atomic.Int64{}
		s := localstock.New(src, localstock.DefaultConfig(), localstock.Hooks{Buffered: func() { buffered.Add(1) }})
		rs := queue(t, s, 1, 1, 1)
		s.Observe(planned(1, 1, 2))
		for _, r := range rs {
			r.served(t)
		}
		if got := buffered.Load(); got != 1 {
			t.Errorf("got %d reports of the first buffer ticket, want 1", got)
		}
		src.next(t).grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 1})
		s.Wait()
	})
}

// TestNoWakeupIsLost lets requests give up at the very moment at which they are
// served: every ticket ends with exactly one of them or in the stock.
func TestNoWakeupIsLost(t *testing.T) {
	const requests, plans, size = 64, 200, 3
	src := sourceFunc(func(context.Context, sale.Generation, int) (sale.Grant, error) {
		return sale.Grant{Reading: reading(1, 1_000_000), Result: sale.Granted}, nil
	})
	s := newStock(src, func(c *localstock.Config) { c.Wait = time.Millisecond })
	var sold atomic.Int64
	var group sync.WaitGroup
	for i := range requests {
		group.Go(func() {
			for n := range 40 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i*n)*time.Microsecond)
				if taken, _, ok := s.Acquire(ctx, 1); ok {
					if n%3 == 0 {
						s.HandBack(taken)
					} else {
						sold.Add(1)
					}
				}
				cancel()
			}
		})
	}
	for g := range sale.Generation(plans) {
		s.Observe(planned(g+1, size, 0))
	}
	group.Wait()
	s.Wait()
	if got := sold.Load(); got > plans*size {
		t.Errorf("got %d tickets sold of %d planned", got, plans*size)
	}
	// The queue must be empty: otherwise Take fails beside a full slice.
	s.Observe(planned(plans+1, 1, 0))
	mustTake(t, s, 1)
}

type sourceFunc func(context.Context, sale.Generation, int) (sale.Grant, error)

func (f sourceFunc) Refill(ctx context.Context, known sale.Generation, quantity int) (sale.Grant, error) {
	return f(ctx, known, quantity)
}
