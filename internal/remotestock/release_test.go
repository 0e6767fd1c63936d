package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

func TestHoldsEndAtTheirDeadlineAndNotBefore(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("due", 1000))
	claims := make([]sale.Claim, 400)
	for i := range claims {
		claims[i] = claim(fmt.Sprint("buyer-", i), 1)
	}
	if _, err := committer(t, s, "due").DecideBatch(claims); err != nil {
		t.Fatal(err)
	}
	from := sale.Instant(redisTime(t, client)) - 5
	deadlines := make([]redis.Z, len(claims))
	for i, c := range claims {
		deadlines[i] = redis.Z{Score: float64(from) + float64(i), Member: remotestock.EncodeID(c.Order)}
	}
	client.Del(ctx, remotestock.Keys("due")[4])
	if err := client.ZAdd(ctx, remotestock.Keys("due")[4], deadlines...).Err(); err != nil {
		t.Fatal(err)
	}
	ended := 0
	for more := true; more; {
		n, again, r, err := s.Expire(ctx, "due", 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		ended, more = ended+n, again
		if due := int(min(r.At-from+1, sale.Instant(len(claims)))); ended > due || !more && ended != due {
			t.Errorf("got %d holds ended, more %v, want the %d whose deadline is not after Redis time", ended, more, due)
		}
	}
	wantClean(t, s, "due")
}

func TestReturnedStockRaisesTheStockGeneration(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("returned", 10))
	c := committer(t, s, "returned")
	var claims []sale.Claim
	for i := range 2 {
		claims = append(claims, claim(fmt.Sprint("buyer-", i), 3))
		if _, err := c.Decide(claims[i]); err != nil {
			t.Fatal(err)
		}
	}
	_, before, err := s.Read(ctx, "returned", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, cancelled, err := s.Cancel(ctx, "returned", 0, claims[0].Order, "buyer-0")
	if err != nil || cancelled.Stock <= before.Stock || cancelled.Remaining != 7 {
		t.Errorf("cancel: got generation %d and %d left, %v, want above %d and 7", cancelled.Stock, cancelled.Remaining, err, before.Stock)
	}
	makeOverdue(t, client, "returned", claims[1].Order)
	_, _, expired, err := s.Expire(ctx, "returned", 0, 10)
	if err != nil || expired.Stock <= cancelled.Stock || expired.Remaining != 10 {
		t.Errorf("expire: got generation %d and %d left, %v, want above %d and 10", expired.Stock, expired.Remaining, err, cancelled.Stock)
	}
	_, _, idle, err := s.Expire(ctx, "returned", 0, 10)
	if err != nil || idle.Stock != expired.Stock {
		t.Errorf("nothing returned: got generation %d, %v, want %d still", idle.Stock, err, expired.Stock)
	}
}

// TestDeadlineOfAnOrderThatIsNotHeldReturnsNothing: P7 hangs on the order's
// state, not on the set of deadlines.
func TestDeadlineOfAnOrderThatIsNotHeldReturnsNothing(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	keys := remotestock.Keys("unheld")
	open(t, s, newSale("unheld", 10))
	c := held(t, s, "unheld", 4)
	makeOverdue(t, client, "unheld", c[0].Order)
	if ended, _, _, err := s.Expire(ctx, "unheld", 0, 10); err != nil || ended != 1 {
		t.Fatalf("got %d ended, %v, want 1", ended, err)
	}
	_, _, err := s.Cancel(ctx, "unheld", 0, c[1].Order, c[1].Buyer)
	_, _, err2 := s.Pay(ctx, "unheld", 0, payment("p2", c[2].Order, 4200))
	_, _, err3 := s.Pay(ctx, "unheld", 0, payment("p3", c[3].Order, 4200))
	_, err4 := s.Refund(ctx, "unheld", c[3].Order)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	before := wantClean(t, s, "unheld")
	client.Del(ctx, keys[4])
	for _, each := range append(c, claim("nobody", 1)) {
		makeOverdue(t, client, "unheld", each.Order)
	}
	ended, more, r, err := s.Expire(ctx, "unheld", 0, 10)
	if err != nil || ended != 0 || more || r.Remaining != 9 {
		t.Errorf("got %d ended, more %v, %d left, %v, want 0, false, 9", ended, more, r.Remaining, err)
	}
	if left := client.ZCard(ctx, keys[4]).Val(); left != 0 {
		t.Errorf("got %d deadlines kept, want them gone: they would fill every batch", left)
	}
	if diff := cmp.Diff(before.Orders, wantClean(t, s, "unheld").Orders); diff != "" {
		t.Errorf("orders (-before +after):\n%s", diff)
	}
}

// TestAHoldThatTwoDeadlinesNameEndsOnce: its stock returned twice.
func TestAHoldThatTwoDeadlinesNameEndsOnce(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("twice", 10))
	c := held(t, s, "twice", 3)
	ids := remotestock.EncodeID(c[0].Order) + remotestock.EncodeID(c[1].Order)
	client.ZAdd(ctx, remotestock.Keys("twice")[4], redis.Z{Score: 1, Member: ids}, redis.Z{Score: 2, Member: ids[16:] + ids[:16]})
	ended, _, r, err := s.Expire(ctx, "twice", 0, 10)
	if err != nil || ended != 2 || r.Remaining != 9 {
		t.Errorf("got %d ended, %d left, %v, want 2 and 9", ended, r.Remaining, err)
	}
	wantClean(t, s, "twice")
}

// TestAHoldOfABuyerWithAnotherIsLeftAlone: a buyer's entry names the live order, and
// one that names another is no reason to end either.
func TestAHoldOfABuyerWithAnotherIsLeftAlone(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	open(t, s, newSale("entry", 10))
	mine, other := claim("ann", 1), claim("bob", 1)
	for _, c := range []sale.Claim{mine, other} {
		if _, err := committer(t, s, "entry").Decide(c); err != nil {
			t.Fatal(err)
		}
	}
	buyers := remotestock.Keys("entry")[2]
	client.HSet(ctx, buyers, "ann", client.HGet(ctx, buyers, "bob").Val())
	before := dump(t, client)
	if _, _, err := s.Cancel(ctx, "entry", 0, mine.Order, "ann"); !errors.Is(err, sale.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	wantUnchanged(t, client, before)
}
