package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// newFreeSale is a sale that costs nothing.
func newFreeSale(id string, total int64) sale.Sale {
	d := newSale(id, total)
	d.Price = 0
	return d
}

// TestAFreeOrderIsPaidWhenItIsTaken: it was held until its deadline, for a payment that nobody makes.
func TestAFreeOrderIsPaidWhenItIsTaken(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newFreeSale("free", 5))
	mine := claim("ann", 2)
	got, err := committer(t, s, "free").Decide(mine)
	o := got.Order
	want := sale.Order{ID: mine.Order, Buyer: "ann", Quantity: 2, State: sale.StatePaid, Created: o.Created, Expires: o.Created}
	if err != nil || got.Outcome != sale.Held || o != want || o.Created == 0 || !o.Free() {
		t.Fatalf("got %v of %+v, %v, want %+v", got.Outcome, o, err, want)
	}
	for _, again := range []sale.Claim{mine, claim("ann", 2)} {
		if got, err := committer(t, s, "free").Decide(again); err != nil || got.Outcome != sale.Replayed || got.Order != want {
			t.Errorf("again: got %v of %+v, %v, want the same order", got.Outcome, got.Order, err)
		}
	}
	if n := client.ZCard(ctx, remotestock.Keys("free")[4]).Val(); n != 0 {
		t.Errorf("got %d deadlines, want none", n)
	}
	if ended, more, _, err := s.Expire(ctx, "free", 0, 10); err != nil || ended != 0 || more {
		t.Errorf("expire: got %d ended, more %v, %v, want nothing", ended, more, err)
	}
	books := wantClean(t, s, "free").Counters
	if want := (sale.Counters{Total: 5, Remaining: 3, Paid: 2}); books != want {
		t.Errorf("got the books %+v, want %+v", books, want)
	}
	if _, _, err := s.Cancel(ctx, "free", 0, o.ID, "ann"); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("cancel: got %v, want a conflict, as of every paid order", err)
	}
	t.Run("money for it is due to go back", func(t *testing.T) {
		for amount, currency := range map[int64]string{0: "EUR", 4200: "USD"} {
			p := payment(fmt.Sprint("free-", amount), o.ID, amount)
			p.Currency = currency
			if got, _, err := s.Pay(ctx, "free", 0, p); err != nil || got.Payment.Reason != sale.ReasonAmount || got.Order != want {
				t.Errorf("%d: got %+v, %v, want it due for its amount", amount, got, err)
			}
		}
	})
	t.Run("its refund returns the tickets and no money", func(t *testing.T) {
		for _, replayed := range []bool{false, true} {
			got, err := s.Refund(ctx, "free", o.ID)
			if err != nil || got.Order.State != sale.StateRefunded || got.Payment != (sale.Payment{}) || got.Replayed != replayed || !got.Order.Free() {
				t.Errorf("got %+v, %v, want it refunded without a payment, replayed %v", got, err, replayed)
			}
		}
		if v := wantClean(t, s, "free"); v.Counters != (sale.Counters{Total: 5, Remaining: 5}) || v.Due() != 2 {
			t.Errorf("got the books %+v and %d payments due, want all tickets and what was sent in vain", v.Counters, v.Due())
		}
	})
}

// TestAFreeOrderSurvivesAReconciliation: put back as a hold it would expire.
func TestAFreeOrderSurvivesAReconciliation(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newFreeSale("kept", 9))
	c := held(t, s, "kept", 3)
	if _, err := s.Refund(ctx, "kept", c[0].Order); err != nil {
		t.Fatal(err)
	}
	before := wantClean(t, s, "kept")
	client.Del(ctx, remotestock.Keys("kept")...)
	a := sale.Adoption{
		Was: sale.NotInRedis, Fence: "f", Records: before.Records,
		Chain: sale.Chain{Life: before.Chain.Life, Mark: sale.Mark{Epoch: 2, Seq: before.Chain.Seq}},
	}
	if err := s.Adopt(ctx, "kept", a); err != nil {
		t.Fatal(err)
	}
	after := wantClean(t, s, "kept")
	if diff := cmp.Diff(before.Records, after.Records); diff != "" || after.Counters.Paid != 2 || len(after.Deadlines) > 0 {
		t.Errorf("got the books %+v and %d deadlines, want 2 paid and none (-before +after):\n%s", after.Counters, len(after.Deadlines), diff)
	}
}

// acknowledged keeps what a committer has its node remember.
type acknowledged struct {
	watcher
	mu     sync.Mutex
	orders []sale.Order
}

func (a *acknowledged) Acknowledged(d sale.Decision, _ sale.Mark) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.orders = append(a.orders, d.Order)
}

// TestANodeRemembersAFreeOrder: also where the first reply was lost. One that was held and paid,
// or that has ended, is for the records alone.
func TestANodeRemembersAFreeOrder(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	open(t, s, newFreeSale("free", 9))
	open(t, s, newSale("priced", 9))
	mine, theirs := claim("ann", 1), claim("bob", 1)
	var seen acknowledged
	decide := func(id sale.ID, c sale.Claim, want int) {
		t.Helper()
		if _, err := s.Committer(id, &seen, remotestock.DefaultCommitConfig()).Decide(c); err != nil {
			t.Fatal(err)
		}
		if len(seen.orders) != want {
			t.Errorf("%s: got %+v remembered, want %d", id, seen.orders, want)
		}
	}
	decide("free", mine, 1)
	decide("free", mine, 2)
	if _, err := s.Refund(ctx, "free", mine.Order); err != nil {
		t.Fatal(err)
	}
	decide("free", mine, 2)
	decide("priced", theirs, 3)
	if _, _, err := s.Pay(ctx, "priced", 0, payment("remembered", theirs.Order, 4200)); err != nil {
		t.Fatal(err)
	}
	decide("priced", theirs, 3)
}

// TestAPriceThatChangesWhileBuyersCome: operators make a sale free and undo it while it sells. Redis
// decides which came first, whatever the nodes believe: from the first order on the price stays, so
// that all orders are paid at once or none is.
func TestAPriceThatChangesWhileBuyersCome(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	changed := map[bool]int{}
	for round := range 40 {
		id := sale.ID(fmt.Sprint("race-", round))
		d := newSale(string(id), 50)
		d.Price *= int64(round % 2)
		open(t, s, d)
		c := committer(t, s, id, func(c *remotestock.CommitConfig) { c.Batch = 2 })
		read := make(chan struct{})
		var once sync.Once
		var group sync.WaitGroup
		for _, price := range []int64{0, 4200, 0} {
			group.Add(1)
			go func() {
				defer group.Done()
				err := s.Change(ctx, id, func(d *sale.Sale) error {
					d.Price = price
					once.Do(func() { close(read) }) // the change comes next, and so do the claims
					return nil
				})
				if err != nil && !errors.Is(err, sale.ErrConflict) {
					t.Error(err)
				}
			}()
		}
		decisions := make([]sale.Decision, 20)
		for i := range decisions {
			group.Add(1)
			go func() {
				defer group.Done()
				<-read
				var err error
				if decisions[i], err = c.Decide(claim(fmt.Sprint("buyer-", i), 1)); err != nil {
					t.Error(err)
				}
			}()
		}
		group.Wait()
		after := wantClean(t, s, id)
		for _, got := range decisions {
			if free := after.Sale.Price == 0; got.Outcome != sale.Held || got.Order.Free() != free || got.Order != after.Orders[got.Order.ID] {
				t.Fatalf("got %v of %+v in a sale at %d, want it free %v", got.Outcome, got.Order, after.Sale.Price, free)
			}
		}
		changed[after.Sale.Price != d.Price]++
	}
	t.Logf("the price changed first %d times, the buyers came first %d times", changed[true], changed[false])
	if changed[true] == 0 || changed[false] == 0 {
		t.Errorf("got %v, want both", changed)
	}
}

// TestAHoldStaysAHold: a price of zero that came too late would have made it free.
func TestAHoldStaysAHold(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	for name, d := range map[string]sale.Sale{"held": newSale("held", 5), "paid": newFreeSale("paid", 5)} {
		open(t, s, d)
		mine := held(t, s, d.ID, 1)[0]
		before := wantClean(t, s, d.ID).Orders[mine.Order]
		if err := change(t, s, d.ID, func(d *sale.Sale) { d.Price = 4200 - d.Price }); !errors.Is(err, sale.ErrConflict) {
			t.Errorf("%s: got %v, want the price to stay from the first order on", name, err)
		}
		if got, err := s.Order(ctx, d.ID, mine.Order); err != nil || got != before || string(got.State) != name {
			t.Errorf("got %+v, %v, want it %s", got, err, name)
		}
	}
}
