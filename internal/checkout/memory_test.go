package checkout_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

// remembering runs a catalog of two sales, "s" and "t", and returns the seller of each.
func remembering(t *testing.T, test func(s *running, sellers map[sale.ID]*checkout.Seller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ids := []sale.ID{"s", "t"}
		s := start(t, &store{sales: func(context.Context) ([]sale.ID, error) { return ids, nil }}, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		sellers := map[sale.ID]*checkout.Seller{}
		for _, id := range ids {
			d, known := s.Seller(id)
			if !known {
				t.Fatalf("got no seller of %s", id)
			}
			sellers[id] = d
		}
		test(s, sellers)
	})
}

// acknowledge has the seller remember the holds from, …, to-1.
func acknowledge(d *checkout.Seller, from, to int) {
	for i := from; i < to; i++ {
		o := sale.Order{ID: sale.OrderID(fmt.Sprint(i)), Buyer: "ann", Quantity: 1, State: sale.StateHeld}
		d.Acknowledged(sale.Decision{Outcome: sale.Held, Order: o}, sale.Mark{Epoch: 1, Seq: int64(i)})
	}
}

// wantRemembered checks that exactly the holds from, …, to-1 are remembered, in this order.
func wantRemembered(t *testing.T, s *running, id sale.ID, from, to int) {
	t.Helper()
	got := s.Remembered(id)
	if len(got) != to-from {
		t.Fatalf("%s: got %d holds remembered, want %d", id, len(got), to-from)
	}
	for i, r := range got {
		if want := from + i; r.Order.ID != sale.OrderID(fmt.Sprint(want)) || r.Mark.Seq != int64(want) {
			t.Fatalf("%s: got hold %s at event %d, want %d at its own, oldest first", id, r.Order.ID, r.Mark.Seq, want)
		}
	}
}

func TestANodeRemembersTheHoldsOfEachSale(t *testing.T) {
	remembering(t, func(s *running, sellers map[sale.ID]*checkout.Seller) {
		wantRemembered(t, s, "s", 0, 0)
		for i := range 1000 { // the two sales take turns in one ring, which grows meanwhile
			acknowledge(sellers["s"], i, i+1)
			acknowledge(sellers["t"], 5000+i, 5000+i+1)
		}
		wantRemembered(t, s, "s", 0, 1000)
		wantRemembered(t, s, "t", 5000, 6000)
		wantRemembered(t, s, "nobody's", 0, 0)
		first := s.Remembered("s")[0]
		if want := (checkout.Remembered{
			Order: sale.Order{ID: "0", Buyer: "ann", Quantity: 1, State: sale.StateHeld}, Mark: sale.Mark{Epoch: 1},
		}); first != want {
			t.Errorf("got %+v, want %+v", first, want)
		}
	})
}

func TestAHoldIsRememberedForAMinute(t *testing.T) {
	remembering(t, func(s *running, sellers map[sale.ID]*checkout.Seller) {
		acknowledge(sellers["s"], 0, 100)
		time.Sleep(30 * time.Second)
		acknowledge(sellers["s"], 100, 150)
		time.Sleep(30 * time.Second)
		wantRemembered(t, s, "s", 0, 150)
		time.Sleep(time.Second)             // the next reading
		wantRemembered(t, s, "s", 100, 150) // also where nothing comes after them
		acknowledge(sellers["s"], 150, 160)
		wantRemembered(t, s, "s", 100, 160)
	})
}

// Redis came back without any of a hundred sales, and some waited for more than a minute to be
// reconciled: by then the nodes had forgotten what nobody else had.
func TestNothingIsForgottenOfASaleThatCanNotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost atomic.Bool
		redis := &store{}
		redis.read = func(_ context.Context, id sale.ID, _ sale.Generation) (sale.Sale, sale.Reading, error) {
			if lost.Load() {
				return sale.Sale{}, sale.Reading{}, sale.ErrLost
			}
			return definition(id), planned(10, 0), nil
		}
		s := start(t, redis, &remote{}, checkout.Hooks{})
		defer s.ends(t)
		d, _ := s.Seller("s")
		acknowledge(d, 0, 100)
		time.Sleep(50 * time.Second)
		lost.Store(true)
		time.Sleep(time.Hour)
		acknowledge(d, 100, 101)
		wantRemembered(t, s, "s", 0, 101)
		lost.Store(false)
		time.Sleep(time.Second)
		wantRemembered(t, s, "s", 100, 101)
	})
}

// The ring's end is reached again and again, at every length that it has had.
func TestTheMemoryWrapsAround(t *testing.T) {
	remembering(t, func(s *running, sellers map[sale.ID]*checkout.Seller) {
		next := 0
		for _, burst := range []int{1, 40, 63, 64, 65, 90, 127, 129, 300} {
			for range 5 {
				from := next
				acknowledge(sellers["s"], next, next+burst)
				next += burst
				time.Sleep(40 * time.Second)
				acknowledge(sellers["s"], next, next+burst)
				next += burst
				wantRemembered(t, s, "s", from, next)
				time.Sleep(time.Minute + time.Second)
				wantRemembered(t, s, "s", 0, 0)
			}
		}
	})
}

func TestTheMemoryIsBounded(t *testing.T) {
	const most = 1 << 17
	remembering(t, func(s *running, sellers map[sale.ID]*checkout.Seller) {
		acknowledge(sellers["s"], 0, most)
		wantRemembered(t, s, "s", 0, most)
		acknowledge(sellers["s"], most, most+1000)
		wantRemembered(t, s, "s", 1000, most+1000) // the oldest go
	})
}

func TestAHoldIsRememberedWithoutGarbage(t *testing.T) {
	remembering(t, func(s *running, sellers map[sale.ID]*checkout.Seller) {
		acknowledge(sellers["s"], 0, 1000)
		time.Sleep(2 * time.Minute)
		o := sale.Order{ID: "o", Buyer: "ann", Quantity: 1, State: sale.StateHeld}
		d, hold, m := sellers["s"], sale.Decision{Outcome: sale.Replayed, Order: o}, sale.Mark{Epoch: 1, Seq: 1}
		if got := testing.AllocsPerRun(900, func() { d.Acknowledged(hold, m) }); got != 0 {
			t.Errorf("got %v allocations a hold, want none", got)
		}
		if n := len(s.Remembered("s")); n != 901 { // with the run that warms up
			t.Errorf("got %d holds remembered, want 901", n)
		}
	})
}

// Replies of several sales come at once.
func TestHoldsAreRememberedWhileTheyAreRead(t *testing.T) {
	remembering(t, func(s *running, sellers map[sale.ID]*checkout.Seller) {
		done := make(chan struct{})
		for _, d := range sellers {
			go func() {
				acknowledge(d, 0, 2000)
				done <- struct{}{}
			}()
		}
		for ended := 0; ended < len(sellers); {
			select {
			case <-done:
				ended++
			default:
				s.Remembered("s")
			}
		}
		wantRemembered(t, s, "s", 0, 2000)
		wantRemembered(t, s, "t", 0, 2000)
	})
}
