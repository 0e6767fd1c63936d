package checkout_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

// catalog is a Redis whose sales change.
type catalog struct {
	mu     sync.Mutex
	listed []sale.ID
	closed bool
	lost   bool
}

func (c *catalog) change(f func()) {
	c.mu.Lock()
	f()
	c.mu.Unlock()
	time.Sleep(500 * time.Millisecond)
	synctest.Wait()
}

func (c *catalog) store() *store {
	return &store{
		sales: func(context.Context) ([]sale.ID, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return slices.Clone(c.listed), nil
		},
		read: func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.lost {
				return sale.Sale{}, sale.Reading{}, errors.Join(sale.ErrNoSale, sale.ErrUnavailable)
			}
			d := definition(id)
			d.Closed = c.closed
			return d, planned(0, 0), nil
		},
	}
}

func TestSalesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &catalog{}
		st := c.store()
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(250 * time.Millisecond)
		want := func(what string, known bool) {
			t.Helper()
			if _, ok := s.Desk("s"); ok != known || len(s.Desks()) != map[bool]int{true: 1}[known] {
				t.Fatalf("%s: got known %v among %d, want %v", what, ok, len(s.Desks()), known)
			}
		}
		want("nothing opened", false)
		if !s.Ready() {
			t.Error("got not ready, want a node without sales ready")
		}
		c.change(func() { c.listed = []sale.ID{"s"} })
		want("opened", true)
		first := s.desk(t)

		c.change(func() { c.listed, c.lost = nil, true })
		want("vanished while it sells: its buyers hear that the store is unavailable", true)
		before := st.count("read s")
		c.change(func() {})
		if st.count("read s") != before+1 {
			t.Error("got no poll of the vanished sale, want it noticed when it comes back")
		}
		c.change(func() { c.listed, c.lost = []sale.ID{"s"}, false })
		if s.desk(t) != first {
			t.Error("got another desk after the data came back, want the same")
		}
		c.change(func() { c.closed = true })
		want("closed but listed", true)
		if got := first.Precheck(); got != sale.Closed {
			t.Errorf("got %v, want closed", got)
		}
		c.change(func() { c.closed = false })
		if got := first.Precheck(); got != sale.Undecided {
			t.Errorf("reopened: got %v, want undecided", got)
		}
		c.change(func() { c.closed = true })
		c.change(func() { c.listed = nil })
		want("closed and listed no more: archived", false)
		c.change(func() { c.listed = []sale.ID{"s"} })
		want("listed again", true)
	})
}

func TestClosingAnswersThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &catalog{listed: []sale.ID{"s"}}
		st := c.store()
		hold := make(chan struct{})
		st.draw = func(context.Context, sale.ID, sale.Generation, int, int, int) (sale.Grant, error) {
			<-hold
			return sale.Grant{Reading: reading(1, 10), Outcome: sale.Closed}, nil
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		defer close(hold)
		d := s.desk(t)
		time.Sleep(400 * time.Millisecond)
		answer := make(chan sale.Outcome, 1)
		go func() {
			got, err := d.Buy(context.Background(), "ann", 1)
			if err != nil {
				t.Error(err)
			}
			answer <- got.Outcome
		}()
		synctest.Wait()
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		select {
		case got := <-answer:
			if got != sale.Closed {
				t.Errorf("got %v, want closed", got)
			}
		default:
			t.Error("got no answer with the poll that saw the sale closed")
			<-answer
		}
	})
}

func TestExhaustedSaleEndsOverdueHoldsAtEveryPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		stock, left := sale.Generation(1), int64(5)
		now := func() sale.Reading { mu.Lock(); defer mu.Unlock(); return reading(stock, left) }
		overdue := int64(0)
		st := &store{
			read: func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
				return definition(id), now(), nil
			},
			expire: func(context.Context, sale.ID, sale.Generation, int) (int, bool, sale.Reading, error) {
				mu.Lock()
				if overdue > 0 {
					stock, left, overdue = stock+1, left+overdue, 0
				}
				mu.Unlock()
				return 0, false, now(), nil
			},
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(1100 * time.Millisecond)
		if got := st.count("expire s"); got != 0 {
			t.Fatalf("got %d calls while stock is left, want none", got)
		}
		mu.Lock()
		left = 0
		mu.Unlock()
		time.Sleep(3 * time.Second)
		if got := st.count("expire s"); got != 6 {
			t.Errorf("got %d calls in six polls of a sold-out sale, want 6", got)
		}
		if !s.desk(t).Local().SoldOut() {
			t.Error("got no lease, want the polls to renew it")
		}
		// An overdue hold ends: the same poll must bring the stock back.
		mu.Lock()
		overdue = 1
		mu.Unlock()
		time.Sleep(500 * time.Millisecond)
		if s.desk(t).Local().SoldOut() || s.desk(t).Remaining() != 1 {
			t.Error("got still sold out, want the returned ticket on sale")
		}
		before := st.count("expire s")
		time.Sleep(2 * time.Second)
		if got := st.count("expire s"); got != before {
			t.Errorf("got %d more calls after the stock returned, want none", got-before)
		}
	})
}
