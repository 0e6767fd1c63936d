package remotestock_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// TestNoPlaceBeyondTheFrontBuys: L1, also where a node is wrong. The order's event carries place and front.
func TestNoPlaceBeyondTheFrontBuys(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("turns", 0)
	open(t, s, d)
	k := remotestock.Keys(d.ID)
	client.HSet(ctx, k[0], "joined", 5000)
	front, _, err := s.Advance(ctx, d.ID, 0)
	if err != nil || front < 2 || front >= 5000 {
		t.Fatalf("front is %d, %v", front, err)
	}
	c := committer(t, s, d.ID)
	try := func(buyer string, place int64, want sale.Outcome) sale.Decision {
		t.Helper()
		of := claim(buyer, 1)
		of.Place = place
		got, err := c.Decide(of)
		if err != nil || got.Outcome != want || got.Front != front {
			t.Errorf("place %d: got %v with front %d, %v, want %v with %d", place, got.Outcome, got.Front, err, want, front)
		}
		return got
	}
	try("nobody", 0, sale.NotYourTurn)
	try("next", front+1, sale.NotYourTurn)
	try("first", 1, sale.Held)
	last := try("last", front, sale.Held)
	page, err := s.Page(ctx, d.ID, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	if e := page.Events[len(page.Events)-1]; !slices.Equal(e.Places, []int64{front}) || e.Lined.Front != front || e.Fault != "" {
		t.Errorf("the order's event is %+v, want the place and the front %d", e, front)
	}
	orders := client.HGet(ctx, k[13], "orders").Val()

	t.Run("what a buyer takes again is not counted again", func(t *testing.T) {
		if _, _, err := s.Cancel(ctx, d.ID, 0, last.Order.ID, "last"); err != nil {
			t.Fatal(err)
		}
		try("last", front, sale.Held)
		if got := client.HGet(ctx, k[13], "orders").Val(); got != orders {
			t.Errorf("orders are %q, were %q", got, orders)
		}
	})
	t.Run("who is late is served in the order of coming", func(t *testing.T) {
		client.HSet(ctx, k[13], "turns", decimal(front), "free", "0")
		for i, want := range []int64{0, 1, 0} {
			place := int64(i%2 + 1)
			if got := try([]string{"one", "two"}[i%2], place, sale.NotYourTurn); got.Ahead != want {
				t.Errorf("try %d: %d are called before, want %d", i, got.Ahead, want)
			}
		}
		client.HSet(ctx, k[13], "late", "1")
		try("one", 1, sale.Held)
		try("two", 2, sale.NotYourTurn)
		client.HSet(ctx, k[13], "free", "1")
		try("two", 2, sale.Held)
	})
}

// TestABatchRecordsThePlaceOfEachClaim: the audit of L1 goes by what is recorded.
func TestABatchRecordsThePlaceOfEachClaim(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, fastRedis(t), "n1")
	d := lined("places", 0)
	open(t, s, d)
	client.HSet(ctx, remotestock.Keys(d.ID)[0], "joined", 5000)
	front, _, err := s.Advance(ctx, d.ID, 0)
	if err != nil || front < 2 {
		t.Fatalf("front is %d, %v", front, err)
	}
	c := committer(t, s, d.ID)
	want := map[sale.Buyer]int64{}
	var group sync.WaitGroup
	for place := range front {
		of := claim(fmt.Sprint("buyer-", place), 1)
		of.Place = place + 1
		want[of.Buyer] = of.Place
		group.Go(func() {
			if got, err := c.Decide(of); err != nil || got.Outcome != sale.Held {
				t.Errorf("place %d: got %v, %v, want held", of.Place, got.Outcome, err)
			}
		})
	}
	group.Wait()
	page, err := s.Page(ctx, d.ID, "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	got, most := map[sale.Buyer]int64{}, 0
	for _, e := range page.Events {
		if most = max(most, len(e.Places)); len(e.Places) == len(e.Orders) {
			for i, o := range e.Orders {
				got[o.Buyer] = e.Places[i]
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || most < 2 {
		t.Errorf("at most %d places in an event, want several; got (-want +got):\n%s", most, diff)
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
