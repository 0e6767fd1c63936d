package localstock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/localstock"
	"onsale/internal/sale"
)

func TestOneRefillIsSharedByAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		s.Observe(planned(7, 0, 0))
		rs := queue(t, s, 2, 1, 3)
		d := src.next(t)
		if d.known != 7 || d.quantity != 2 {
			t.Errorf("got a refill of %d under plan %d, want the first one's 2 under 7", d.quantity, d.known)
		}
		d.grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 10})
		for _, r := range rs {
			r.served(t)
		}
		wantLevel(t, s, 4, 0)
		src.idle(t)
		s.Wait()
	})
}

func TestRefillGoesOnForThoseItDidNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		rs := queue(t, s, 1, 3)
		src.next(t).grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 1})
		rs[0].served(t)
		rs[1].waits(t)
		d := src.next(t)
		if d.quantity != 3 {
			t.Errorf("got a second refill of %d, want 3", d.quantity)
		}
		d.grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 3})
		rs[1].served(t)
		s.Wait()
	})
}

// TestRefillBeginsNoEpoch: it adds to the plan, so what was taken before it may
// still come back.
func TestRefillBeginsNoEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		s.Observe(planned(1, 2, 1))
		taken := mustTake(t, s, 3)
		r := queue(t, s, 1)[0]
		src.next(t).grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 1})
		r.served(t)
		s.Wait()
		s.HandBack(taken)
		wantLevel(t, s, 2, 1)
	})
}

func TestRefillMayBringAPlanInsteadOfTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		r := queue(t, s, 2)[0]
		src.next(t).grants(sale.Grant{Reading: planned(3, 1, 1), Result: sale.Granted})
		r.served(t)
		wantLevel(t, s, 0, 0)
		if s.Generation() != 3 {
			t.Errorf("got generation %d, want 3", s.Generation())
		}
		s.Wait()
	})
}

func TestRefillErrorReachesAllWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		rs := queue(t, s, 1, 4, 1)
		src.next(t).fails(errAway)
		for _, r := range rs {
			if r.answered(t); r.ok || r.refusal.Outcome != sale.NoOutcome || !errors.Is(r.refusal.Err, errAway) {
				t.Errorf("got ok %v, %+v, want the refill's error", r.ok, r.refusal)
			}
		}
		src.idle(t)
		s.Wait()

		// The next request refills again.
		r := queue(t, s, 1)[0]
		src.next(t).grants(sale.Grant{Reading: reading(1, 9), Result: sale.Granted, Tickets: 1})
		r.served(t)
		s.Wait()
	})
}

func TestNotEnoughAnswersOnlyThoseAboveRemaining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		rs := queue(t, s, 4, 2, 3, 1)
		src.next(t).grants(sale.Grant{Reading: reading(1, 2), Result: sale.GrantNotEnough})
		for i, above := range map[int]bool{0: true, 2: true, 1: false, 3: false} {
			if !above {
				rs[i].waits(t)
				continue
			}
			if rs[i].refused(t, sale.NotEnough); rs[i].refusal.Remaining != 2 {
				t.Errorf("got remaining %d, want 2", rs[i].refusal.Remaining)
			}
		}
		d := src.next(t)
		if d.quantity != 2 {
			t.Errorf("got the next refill of %d, want 2 for the first who is left", d.quantity)
		}
		d.grants(sale.Grant{Reading: reading(1, 2), Result: sale.Granted, Tickets: 2})
		rs[1].served(t)
		src.next(t).grants(sale.Grant{Reading: reading(1, 0), Result: sale.GrantSoldOut})
		rs[3].refused(t, sale.SoldOut)
		s.Wait()
	})
}

func TestRefillOnAShutSaleAnswersEverybody(t *testing.T) {
	for result, outcome := range map[sale.GrantResult]sale.Outcome{sale.GrantClosed: sale.Closed, sale.GrantNotOpen: sale.NotOpen} {
		t.Run(outcome.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource()
				s := newStock(src)
				rs := queue(t, s, 1, 4)
				src.next(t).grants(sale.Grant{Reading: reading(1, 100), Result: result})
				for _, r := range rs {
					r.refused(t, outcome)
				}
				src.idle(t)
				s.Wait()
			})
		})
	}
}

// TestOutdatedRefusalOfARefillIsMadeAgain: stock returned while the refill's refusal was on its
// way; those who wait must not get a wrong answer.
func TestOutdatedRefusalOfARefillIsMadeAgain(t *testing.T) {
	for result, remaining := range map[sale.GrantResult]int64{
		sale.GrantSoldOut: 0, sale.GrantNotEnough: 1, sale.GrantNotOpen: 1, sale.GrantClosed: 1,
	} {
		t.Run(string(result), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := newSource()
				s := newStock(src)
				r := queue(t, s, 2)[0]
				d := src.next(t)
				old := reading(1, remaining)
				time.Sleep(time.Millisecond) // what the newer reading comes after
				s.Observe(reading(2, 5))
				d.grants(sale.Grant{Reading: old, Result: result})
				r.waits(t)
				wantSoldOut(t, s, false)
				src.next(t).grants(sale.Grant{Reading: reading(2, 5), Result: sale.Granted, Tickets: 2})
				r.served(t)
				s.Wait()
			})
		})
	}
}

// TestGrantOfAPlanAlreadyUsedUpIsMadeAgain: the plan that the refill relied on
// came by another reply, and others have taken its tickets.
func TestGrantOfAPlanAlreadyUsedUpIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src)
		rs := queue(t, s, 2, 2)
		d := src.next(t)
		s.Observe(planned(4, 2, 0))
		rs[0].served(t)
		d.grants(sale.Grant{Reading: planned(4, 2, 0), Result: sale.Granted})
		rs[1].waits(t)
		again := src.next(t)
		if again.known != 4 {
			t.Errorf("got a refill under plan %d, want 4", again.known)
		}
		again.grants(sale.Grant{Reading: reading(1, 100), Result: sale.Granted, Tickets: 2})
		rs[1].served(t)
		s.Wait()
	})
}

func TestRefillIsBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		s := newStock(src, func(c *localstock.Config) { c.Wait = time.Minute })
		r := queue(t, s, 1)[0]
		<-r.done
		if r.ok || !errors.Is(r.refusal.Err, context.DeadlineExceeded) || r.took != 2*time.Second {
			t.Errorf("got %+v after %v, want a deadline after 2s", r.refusal, r.took)
		}
		s.Wait()
	})
}

func TestRefillHookSeesEveryRefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := newSource()
		var grants []sale.Grant
		var errs []error
		s := localstock.New(src, localstock.DefaultConfig(), localstock.Hooks{Refilled: func(g sale.Grant, err error) {
			grants, errs = append(grants, g), append(errs, err)
		}})
		queue(t, s, 1)
		src.next(t).grants(sale.Grant{Reading: reading(1, 9), Result: sale.Granted, Tickets: 1})
		s.Wait()
		queue(t, s, 1)
		src.next(t).fails(errAway)
		s.Wait()
		if len(grants) != 2 || grants[0].Tickets != 1 || errs[0] != nil || !errors.Is(errs[1], errAway) {
			t.Errorf("got grants %+v and errors %v, want a grant and then an error", grants, errs)
		}
	})
}
