package checkout_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

func TestPurchaseHeatsASale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := cold(t, planned(10, 0), func() (sale.Sale, sale.Reading, error) { return definition("s"), planned(10, 0), nil })
		defer s.ends(t)
		if got, err := s.seller(t).Buy(t.Context(), "ann", 1, 0); err != nil || got.Outcome != sale.Held {
			t.Fatalf("got %v, %v, want held", got.Outcome, err)
		}
		time.Sleep(10 * time.Second)
		if got := s.store.count("read s"); got < 18 || got > 22 {
			t.Errorf("got %d reads in the ten seconds after a purchase, want two a second", got)
		}
		s.store.mu.Lock()
		published := s.store.heated
		s.store.mu.Unlock()
		if len(published) < 3 || len(published) > 5 || published[0] != "s" {
			t.Errorf("got %v published, want s every three seconds", published)
		}
		time.Sleep(time.Second)
		s.store.forgetCalls()
		time.Sleep(30 * time.Second)
		if got := s.store.count("read s"); got > 3 {
			t.Errorf("got %d reads in half a minute without a purchase, want it cold again", got)
		}
	})
}

// Buyers that get "sold out" never show their tokens.
func TestBuyersWithoutTokensKeepAHotSaleHot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := cold(t, planned(10, 0), func() (sale.Sale, sale.Reading, error) { return definition("s"), planned(10, 0), nil })
		defer s.ends(t)
		d := s.seller(t)
		ask := func() {
			for range 100 {
				if _, err := d.Precheck(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(200 * time.Millisecond)
			}
		}
		ask()
		if got := s.store.count("read s"); got > 21 {
			t.Errorf("cold: got %d reads in 20 s, want one a second at most", got)
		}
		if _, err := d.Buy(t.Context(), "ann", 1, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		ask()
		s.store.forgetCalls()
		ask()
		if got := s.store.count("read s"); got < 38 {
			t.Errorf("hot: got %d reads in 20 s, want two a second", got)
		}
	})
}

func TestNewsIsReadAtTheNextPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened, lost atomic.Bool
		list := many(1000)
		st := &store{sales: list}
		st.news = func(after int64) ([]sale.ID, int64, bool, error) {
			switch {
			case lost.Load() && after > 0:
				return nil, 0, true, nil
			case opened.Load() && after < 2:
				return []sale.ID{"new", "s"}, 2, false, nil
			}
			return nil, max(after, 1), false, nil
		}
		s := start(t, st, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		time.Sleep(5*time.Second + time.Millisecond)
		st.forgetCalls()
		opened.Store(true)
		time.Sleep(500 * time.Millisecond)
		if _, known := s.Seller("new"); !known || st.count("read s") != 1 {
			t.Errorf("got the new sale known %v and %d reads of the changed one, want both read", known, st.count("read s"))
		}
		st.forgetCalls()
		lost.Store(true)
		time.Sleep(500 * time.Millisecond)
		if got := st.total("read"); got < 1001 || got > 1005 {
			t.Errorf("Redis has lost the news: got %d reads, want every sale read", got)
		}
	})
}
