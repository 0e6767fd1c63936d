package node

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/lease"
	"onsale/internal/telemetry"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// TestAnswersToPurchasesAreRegisteredWhenTheyChange: a node that nobody asks costs Redis no call for them.
func TestAnswersToPurchasesAreRegisteredWhenTheyChange(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer client.Close()
	registry := lease.NewRegistry(client, "", "answers")
	hooks, read := buyerHooks(telemetry.New())
	a := answers{read: read, member: registry.Member("n001", "", reported)}
	answered := func(e buyerapi.Endpoint, answer buyerapi.Answer) { hooks.Answered(e, answer, time.Time{}) }
	now := time.Unix(1_000_000, 0)
	want := func(what string, counts string) {
		t.Helper()
		got, err := registry.Members(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"n001": counts}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	a.report(t.Context(), now)
	want("before any answer", "{}")
	answered(buyerapi.PlaceOrder, buyerapi.Created)
	answered(buyerapi.PlaceOrder, buyerapi.SoldOut)
	answered(buyerapi.PlaceOrder, buyerapi.SoldOut)
	answered(buyerapi.ShowSale, buyerapi.OK) // no purchase
	a.report(t.Context(), now.Add(reportEvery-1))
	want("too early", "{}")
	a.report(t.Context(), now.Add(reportEvery))
	want("a second later", `{"created":1,"sold-out":2}`)
	server.Close()
	a.report(t.Context(), now.Add(3*reportEvery)) // nothing has changed: no call, which would fail
	if at := a.at; !at.Equal(now.Add(reportEvery)) {
		t.Errorf("got a registration at %v, want none while nothing changes", at)
	}
	answered(buyerapi.PlaceOrder, buyerapi.Created)
	a.report(t.Context(), now.Add(4*reportEvery))
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	a.report(t.Context(), now.Add(5*reportEvery))
	want("after a call that failed", `{"created":2,"sold-out":2}`)
}
