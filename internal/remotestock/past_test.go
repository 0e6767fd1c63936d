package remotestock_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// The old master of a planned failover answers a claim after the sale was reconciled without
// it: the hold was acknowledged, and was in no record.
func TestAnAnswerOfAPastEpochDecidesNothing(t *testing.T) {
	var sendings atomic.Int64
	epoch := func(reply, number string) string {
		return strings.Replace(reply, "$5\r\nepoch\r\n:1\r\n", "$5\r\nepoch\r\n:"+number+"\r\n", 1)
	}
	held := headed("outcomes", "h", "details", []any{}, "hold", 1)
	f := startFake(t, func([]string) string {
		switch sendings.Add(1) {
		case 1, 3:
			return epoch(held, "2")
		}
		return held // the old master's
	})
	var renewed []int64
	s, _ := hooked(t, f.addr(), remotestock.Hooks{Reconciled: func(_ sale.ID, epoch int64) { renewed = append(renewed, epoch) }}, patience(5*time.Second))
	c := committer(t, s, "s")
	for _, want := range []int64{1, 3} { // the second claim is sent again
		if got, err := c.Decide(claim("ann", 1)); err != nil || got.Outcome != sale.Held {
			t.Fatalf("got %v, %v, want a hold", got.Outcome, err)
		}
		if got := sendings.Load(); got != want {
			t.Errorf("got %d sendings, want %d", got, want)
		}
	}
	if got := s.Seen("s").Epoch; got != 2 || len(renewed) > 0 {
		t.Errorf("got epoch %d and renewals %v, want 2 and none: the first mark of all is no renewal", got, renewed)
	}
}

func TestMissingHoldsAndTheEpochThatTheyMissAreReported(t *testing.T) {
	ctx := context.Background()
	var renewed []int64
	s, client := hooked(t, server.Addr(), remotestock.Hooks{Reconciled: func(_ sale.ID, epoch int64) { renewed = append(renewed, epoch) }}, patience(5*time.Second))
	open(t, s, newSale("renewed", 2000))
	claims := held(t, s, "renewed", 1100)
	orders := make([]sale.OrderID, len(claims))
	for i, c := range claims {
		orders[i] = c.Order
	}
	if missing, err := s.Missing(ctx, "renewed", orders); err != nil || len(missing) > 0 {
		t.Fatalf("got %d missing, %v, want none", len(missing), err)
	}
	want := []sale.OrderID{orders[3], orders[700], orders[1099]}
	for _, o := range want {
		if n := client.HDel(ctx, remotestock.Keys("renewed")[3], remotestock.EncodeID(o)).Val(); n != 1 {
			t.Fatal("the order was not there")
		}
	}
	if missing, err := s.Missing(ctx, "renewed", orders); err != nil || !slices.Equal(missing, want) {
		t.Errorf("got %v, %v, want %v", missing, err, want)
	}
	client.HSet(ctx, remotestock.Keys("renewed")[0], "epoch", 2, "base", 1_000_000)
	if _, _, err := s.Read(ctx, "renewed", 0); err != nil || !slices.Equal(renewed, []int64{2}) {
		t.Errorf("got renewals %v, %v, want one into epoch 2", renewed, err)
	}
}
