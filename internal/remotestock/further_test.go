package remotestock_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
	"onsale/internal/testbed/process/processtest"
)

// further is a field that a later version writes behind those that this one knows.
const further = " colour blue"

// TestScriptsKeepFurtherFieldsOfPayments: programs of two versions share one Redis while a
// site is upgraded. What the later one knows of a payment must survive the other's scripts.
func TestScriptsKeepFurtherFieldsOfPayments(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, processtest.Redis(t).Addr(), "n1")
	order := paidSale(t, s, "kept")
	sold, nobodys := remotestock.Keys("kept")[6], "{onsale:orphans}"
	if _, err := s.RefundPart(ctx, "kept", order, "part", 100); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Orphan(ctx, "gone", stray(1)); err != nil {
		t.Fatal(err)
	}
	written := map[string]string{}
	for _, key := range []string{sold, nobodys} {
		for name, record := range client.HGetAll(ctx, key).Val() {
			if !strings.HasPrefix(name, "p:") {
				continue
			}
			if name != "p:part" {
				record += " " // no part of another
			}
			if err := client.HSet(ctx, key, name, record+further).Err(); err != nil {
				t.Fatal(err)
			}
			written[key+" "+name] = record
		}
	}
	if len(written) != 3 {
		t.Fatalf("got the payments %v, want three", written)
	}

	refund, err := s.Refund(ctx, "kept", order)
	if err != nil || refund.Payment.Reason != sale.ReasonRefunded {
		t.Fatalf("got %+v, %v, want the payment refunded", refund, err)
	}
	if got, err := s.Settle(ctx, "kept", "part"); err != nil || got.State != sale.PaymentSettled {
		t.Errorf("got %+v, %v, want the part settled", got, err)
	}
	if got, err := s.SettleOrphan(ctx, stray(1).ID); err != nil || got.State != sale.PaymentSettled {
		t.Errorf("got %+v, %v, want the orphan settled", got, err)
	}
	for at := range maps.Keys(written) {
		key, name, _ := strings.Cut(at, " ")
		if got := client.HGet(ctx, key, name).Val(); got == written[at]+further || !strings.HasSuffix(got, further) {
			t.Errorf("%s: got %q, want it changed and with %q", at, got, further)
		}
	}
	wantClean(t, s, "kept")
}

// TestScriptsKeepFurtherFieldsOfAPlan: what is read of a plan does not depend on what else is in it.
func TestScriptsKeepFurtherFieldsOfAPlan(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("later", 50))
	survey, err := s.Survey(ctx, "later")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.WritePlan(ctx, "later", 1, survey.Reading.Stock, []sale.Share{{Node: "n1", Slice: 10, Buffer: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.HSet(ctx, remotestock.Keys("later")[1], "a:n1", "10 3"+further).Err(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		c := s.Committer("later", planWatcher{plan}, remotestock.DefaultCommitConfig())
		if got, err := c.Decide(claim(fmt.Sprint("buyer-", i), 4)); err != nil || got.Outcome != sale.Held {
			t.Fatalf("got %v, %v, want held", got.Outcome, err)
		}
	}
	survey, err = s.Survey(ctx, "later")
	if want := (sale.Share{Node: "n1", Slice: 10, Buffer: 3, Claimed: 12}); err != nil || len(survey.Shares) != 1 || survey.Shares[0] != want {
		t.Errorf("got %+v, %v, want %+v", survey.Shares, err, want)
	}
	if _, r, err := s.Read(ctx, "later", 0); err != nil || r.Allotment != (sale.Allotment{Generation: plan, Buffer: 1}) {
		t.Errorf("got %+v, %v, want a buffer of 1", r.Allotment, err)
	}
	// What the plan lets the node claim is enough for one more, so it gets nothing on top.
	if g, err := s.Refill(ctx, "later", 0, 100, 1, 1, 1); err != nil || g.Result != sale.Granted || g.Tickets != 0 {
		t.Errorf("got %+v, %v, want what the plan allots", g, err)
	}
}
