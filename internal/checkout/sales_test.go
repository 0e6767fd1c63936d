package checkout_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/sale"
	"onsale/internal/sale/model"
)

// listing is a Redis whose sales change. This node has no tickets of them.
type listing struct {
	*store
	mu     sync.Mutex
	listed []sale.ID
	lost   bool
}

func newListing(listed ...sale.ID) *listing {
	l := &listing{listed: listed}
	l.store = &store{
		sales: func(context.Context) ([]sale.ID, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			return slices.Clone(l.listed), nil
		},
		read: func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.lost {
				return sale.Sale{}, sale.Reading{}, errors.Join(sale.ErrNoSale, sale.ErrUnavailable)
			}
			d, r := l.look(id, 0)
			return d, r, nil
		},
	}
	return l
}

// change does something, and waits for the poll that sees it.
func (l *listing) change(do func()) {
	l.mu.Lock()
	do()
	l.mu.Unlock()
	time.Sleep(500 * time.Millisecond)
	synctest.Wait()
}

// close has an operator close the sale, or let it sell again.
func (l *listing) close(closed bool) {
	l.at("s", func(m *model.Sale) {
		if err := m.SetClosed(closed); err != nil {
			panic(err)
		}
	})
}

func TestSalesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newListing()
		s := start(t, c.store, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(250 * time.Millisecond)
		want := func(what string, known bool) {
			t.Helper()
			if _, ok := s.Seller("s"); ok != known || len(s.Sellers()) != map[bool]int{true: 1}[known] {
				t.Fatalf("%s: got known %v among %d, want %v", what, ok, len(s.Sellers()), known)
			}
		}
		want("nothing opened", false)
		if !s.Ready() {
			t.Error("got not ready, want a node without sales ready")
		}
		c.change(func() { c.listed = []sale.ID{"s"} })
		want("opened", true)
		first := s.seller(t)

		c.change(func() { c.listed, c.lost = nil, true })
		want("vanished while it sells: its buyers get store-unavailable", true)
		before := c.count("read s")
		c.change(func() {})
		if c.count("read s") != before+1 {
			t.Error("got no poll of the vanished sale, want it noticed when it comes back")
		}
		c.change(func() { c.listed, c.lost = []sale.ID{"s"}, false })
		if s.seller(t) != first {
			t.Error("got another seller after the data came back, want the same")
		}
		c.change(func() { c.close(true) })
		want("closed but listed", true)
		if got, err := first.Precheck(); err != nil || got != sale.PhaseClosed {
			t.Errorf("got %v, %v, want closed", got, err)
		}
		c.change(func() { c.close(false) })
		if got, err := first.Precheck(); err != nil || got != sale.PhaseOnSale {
			t.Errorf("reopened: got %v, %v, want on sale", got, err)
		}
		c.change(func() { c.close(true) })
		c.change(func() { c.listed = nil })
		want("closed and listed no more, but still there", true)
		c.change(func() { c.lost = true })
		want("closed, listed no more and gone: archived", false)
		c.change(func() { c.listed, c.lost = []sale.ID{"s"}, false })
		want("listed again", true)
	})
}

func TestClosingAnswersThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newListing("s")
		hold := make(chan struct{})
		c.refill = func(context.Context, sale.ID, sale.Generation, int, int, int, int) (sale.Grant, error) {
			<-hold
			return sale.Grant{Reading: reading(1, 10), Result: sale.GrantClosed}, nil
		}
		s := start(t, c.store, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		defer close(hold)
		d := s.seller(t)
		time.Sleep(400 * time.Millisecond)
		answer := make(chan sale.Outcome, 1)
		go func() {
			got, err := d.Buy(context.Background(), "ann", 1, 0)
			if err != nil {
				t.Error(err)
			}
			answer <- got.Outcome
		}()
		synctest.Wait()
		c.close(true)
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
		st := &store{}
		// hold sells so many tickets, as another node does, with this deadline.
		hold := func(buyer sale.Buyer, quantity int, deadline sale.Instant) {
			st.at("s", func(m *model.Sale) {
				m.Now = deadline.Add(-m.Definition().HoldFor)
				got, err := m.Decide([]sale.Claim{{Order: "of-" + sale.OrderID(buyer), Buyer: buyer, Quantity: quantity}}, false)
				if err != nil || got[0].Outcome != sale.Held {
					t.Fatalf("got %v, %v, want held", got[0].Outcome, err)
				}
				m.Now = noon
			})
		}
		hold("ann", 1, noon+1)
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(1100 * time.Millisecond)
		if got := st.count("expire s"); got != 0 {
			t.Fatalf("got %d calls while stock is left, want none", got)
		}
		hold("bob", 999, noon.Add(time.Minute))
		time.Sleep(3 * time.Second)
		if got := st.count("expire s"); got != 6 {
			t.Errorf("got %d calls in six polls of a sold-out sale, want 6", got)
		}
		if !s.seller(t).Local().SoldOut() {
			t.Error("got no lease, want the polls to renew it")
		}
		// A hold is overdue: the same poll must end it, and bring the stock back.
		st.at("s", func(m *model.Sale) { m.Now = noon + 1 })
		time.Sleep(500 * time.Millisecond)
		if s.seller(t).Local().SoldOut() || s.seller(t).Remaining() != 1 {
			t.Error("got still sold out, want the returned ticket on sale")
		}
		before := st.count("expire s")
		time.Sleep(2 * time.Second)
		if got := st.count("expire s"); got != before {
			t.Errorf("got %d more calls after the stock returned, want none", got-before)
		}
	})
}

// A closed sale has holds that can still be paid. When Redis lost it, its buyers got that there
// is no such sale, and its payments were orphans for good.
func TestAClosedSaleThatRedisHasLostIsNotArchived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newListing("s")
		var news atomic.Int64
		news.Store(7)
		c.news = func(after int64) ([]sale.ID, int64, bool, error) {
			return nil, news.Load(), after > news.Load(), nil
		}
		s := start(t, c.store, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		c.change(func() { c.close(true) })
		c.change(func() { c.listed, c.lost = nil, true; news.Store(0) }) // it came back empty
		time.Sleep(time.Minute)
		if _, known := s.Seller("s"); !known {
			t.Fatal("got it forgotten, want it kept: it is lost, not archived")
		}
		c.change(func() { c.listed, c.lost = []sale.ID{"s"}, false }) // reconciled
		c.change(func() { c.listed, c.lost = nil, true })             // and then archived
		if _, known := s.Seller("s"); known {
			t.Error("got it kept, want it forgotten: it was archived")
		}
	})
}

// A node that started while a sale could not be read answered that there is no such sale, and
// recorded the payments for its holds as orphans.
func TestASaleThatCannotBeReadIsNotUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var whole atomic.Bool
		st := &store{
			sales: func(context.Context) ([]sale.ID, error) { return []sale.ID{"bad", "s"}, nil },
			read: func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
				switch {
				case id == "new" || id == "bad" && whole.Load():
				case id == "bad":
					return sale.Sale{}, sale.Reading{}, sale.Lost("read", errors.New("a test"))
				case id != "s":
					return sale.Sale{}, sale.Reading{}, sale.NoSale("read")
				}
				return definition(id), planned(10, 0), nil
			},
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(time.Second)
		if _, known := s.Seller("bad"); known || !s.Ready() || !s.Unread("bad") || s.Unread("s") || s.Unread("none") {
			t.Errorf("got it known %v, ready %v, unread %v, want it alone unread", known, s.Ready(), s.Unread("bad"))
		}
		for _, id := range []sale.ID{"bad", "new"} { // one that can't be read, one that was opened just now
			if _, err := s.Orphan(id, sale.Payment{ID: "p1"}); !errors.Is(err, sale.ErrUnavailable) {
				t.Errorf("%s: got %v of a payment, want ErrUnavailable", id, err)
			}
		}
		whole.Store(true)
		time.Sleep(time.Second)
		if _, known := s.Seller("bad"); !known || s.Unread("bad") {
			t.Errorf("got it known %v, unread %v, want it known", known, s.Unread("bad"))
		}
	})
}
