package remotestock_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// Thirty buyers took every ticket again and again, never paid, and an honest one got
// nothing in 134 tries.
func TestWhoLetsHoldsLapseHoldsNoMore(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1", patience(5*time.Second))
	d := newSale("lapses", 10)
	d.Lapses = 3
	open(t, s, d)
	c := committer(t, s, d.ID)
	decide := func(buyer string) sale.Outcome {
		t.Helper()
		order := claim(buyer, 1)
		got, err := c.Decide(order)
		if err != nil {
			t.Fatal(err)
		}
		if got.Outcome == sale.Held {
			makeOverdue(t, client, d.ID, order.Order)
		}
		return got.Outcome
	}
	grabbed := map[string]int{}
	for range 6 {
		for i := range 30 {
			buyer := fmt.Sprint("grabber-", i)
			switch got := decide(buyer); got {
			case sale.Held:
				grabbed[buyer]++
			case sale.SoldOut, sale.HoldLimit:
			default:
				t.Fatalf("%s: got %v", buyer, got)
			}
			if i%10 == 9 { // the deadline of ten holds passes
				for more := true; more; {
					var err error
					if _, more, _, err = s.Expire(ctx, d.ID, 0, 100); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	for buyer, n := range grabbed {
		if n != d.Lapses {
			t.Errorf("%s: got %d holds, want %d", buyer, n, d.Lapses)
		}
		if got := decide(buyer); got != sale.HoldLimit {
			t.Errorf("%s: got %v afterwards, want %v", buyer, got, sale.HoldLimit)
		}
	}
	if len(grabbed) != 30 {
		t.Fatalf("got holds of %d buyers, want 30", len(grabbed))
	}
	honest := claim("honest", 1)
	if got, err := c.Decide(honest); err != nil || got.Outcome != sale.Held {
		t.Fatalf("the honest buyer: got %v, %v, want a hold", got.Outcome, err)
	}
	if _, _, err := s.Cancel(ctx, d.ID, 0, honest.Order, honest.Buyer); err != nil {
		t.Fatal(err)
	}
	for range 4 { // a cancel gives the ticket back at once, and is no lapse
		again := claim("honest", 1)
		if got, err := c.Decide(again); err != nil || got.Outcome != sale.Held {
			t.Fatalf("after a cancel: got %v, %v, want a hold", got.Outcome, err)
		}
		if _, _, err := s.Cancel(ctx, d.ID, 0, again.Order, "honest"); err != nil {
			t.Fatal(err)
		}
	}
	if n := client.HStrLen(ctx, remotestock.Keys(d.ID)[8], "grabber-0").Val(); n != 3*16+1 {
		t.Errorf("got %d bytes kept of a buyer's past, want three ids and a count", n)
	}
	whole := wantClean(t, s, d.ID)
	if err := s.Shut(ctx, d.ID, "a test"); err != nil {
		t.Fatal(err)
	}
	adoptNow(t, s, whole, false)
	for buyer := range grabbed { // each, or one that is barred would hide the others' counts
		if got := decide(buyer); got != sale.HoldLimit {
			t.Errorf("%s: got %v after a reconciliation, want %v", buyer, got, sale.HoldLimit)
		}
	}
	if got := decide("another"); got != sale.Held {
		t.Errorf("another buyer: got %v after a reconciliation, want a hold", got)
	}
}
