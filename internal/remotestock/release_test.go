package remotestock_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
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
		deadlines[i] = redis.Z{Score: float64(from) + float64(i), Member: string(c.Order)}
	}
	if err := client.ZAdd(ctx, remotestock.Keys("due")[4], deadlines...).Err(); err != nil {
		t.Fatal(err)
	}
	ended, _, r, err := s.Expire(ctx, "due", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if want := int(min(r.At-from+1, sale.Instant(len(claims)))); ended != want {
		t.Errorf("got %d holds ended, want the %d whose deadline is not after Redis time", ended, want)
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
	client.ZAdd(ctx, remotestock.Keys("returned")[4], redis.Z{Score: 1, Member: string(claims[1].Order)})
	_, _, expired, err := s.Expire(ctx, "returned", 0, 10)
	if err != nil || expired.Stock <= cancelled.Stock || expired.Remaining != 10 {
		t.Errorf("expire: got generation %d and %d left, %v, want above %d and 10", expired.Stock, expired.Remaining, err, cancelled.Stock)
	}
	_, _, idle, err := s.Expire(ctx, "returned", 0, 10)
	if err != nil || idle.Stock != expired.Stock {
		t.Errorf("nothing returned: got generation %d, %v, want %d still", idle.Stock, err, expired.Stock)
	}
}

// TestDeadlineOfAnOrderThatIsNotHeldReturnsNothing: P7 hangs on the record's
// state, not on what the deadlines say.
func TestDeadlineOfAnOrderThatIsNotHeldReturnsNothing(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	keys := remotestock.Keys("unheld")
	open(t, s, newSale("unheld", 10))
	for _, state := range []string{"paid", "cancelled", "expired", "refunded"} {
		client.HSet(ctx, keys[3], state, state+" 2 1 1 ann")
		client.ZAdd(ctx, keys[4], redis.Z{Score: 1, Member: state})
	}
	client.ZAdd(ctx, keys[4], redis.Z{Score: 1, Member: "nowhere"})
	ended, more, r, err := s.Expire(ctx, "unheld", 0, 10)
	if err != nil || ended != 0 || more || r.Remaining != 10 {
		t.Errorf("got %d ended, more %v, %d left, %v, want 0, false, 10", ended, more, r.Remaining, err)
	}
	if left := client.ZCard(ctx, keys[4]).Val(); left != 0 {
		t.Errorf("got %d deadlines kept, want them gone: they would fill every batch", left)
	}
	for _, state := range []string{"paid", "cancelled", "expired", "refunded"} {
		if got := client.HGet(ctx, keys[3], state).Val(); got != state+" 2 1 1 ann" {
			t.Errorf("got the record %q, want it %s still", got, state)
		}
	}
}

// TestEndedHoldLeavesAnotherOrdersEntry: a buyer's entry goes only if it still
// names the order that ends.
func TestEndedHoldLeavesAnotherOrdersEntry(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("entry", 10))
	mine := claim("ann", 1)
	if _, err := committer(t, s, "entry").Decide(mine); err != nil {
		t.Fatal(err)
	}
	client.HSet(ctx, remotestock.Keys("entry")[2], "ann", "another")
	if _, _, err := s.Cancel(ctx, "entry", 0, mine.Order, "ann"); err != nil {
		t.Fatal(err)
	}
	if got := client.HGet(ctx, remotestock.Keys("entry")[2], "ann").Val(); got != "another" {
		t.Errorf("got the entry %q, want the other order's", got)
	}
}
