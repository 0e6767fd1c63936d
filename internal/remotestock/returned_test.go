package remotestock_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/sale"
)

// Refunds and disputes that a provider reported were ignored.
func TestWhatAProviderReturnedIsRecordedOnce(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	order := paidSale(t, s, "report")
	dispute := returned("d1", "p1", order, 1000)
	dispute.Reason = sale.ReasonDisputed
	for _, p := range []sale.Payment{returned("r1", "p1", order, 300), dispute} {
		for _, replayed := range []bool{false, true} {
			got, _, err := s.Pay(ctx, "report", 0, p)
			if err != nil || got.Replayed != replayed || got.Order.State != sale.StatePaid || got.Payment.State != sale.PaymentSettled ||
				got.Payment.Reason != p.Reason || got.Payment.Of != "p1" {
				t.Errorf("got %+v, %v, want it recorded, replayed %v", got, err, replayed)
			}
		}
	}
	before := dump(t, client)
	of, message := returned("r2", "r1", order, 100), returned("r2", "p1", order, 100)
	message.Message = "msg_r1"
	usd := returned("r2", "p1", order, 100)
	usd.Currency = "USD"
	again := returned("r1", "p1", order, 300)
	again.Message = "msg_p1"
	for name, p := range map[string]sale.Payment{
		"another amount":             returned("r1", "p1", order, 301),
		"another payment":            returned("r1", "p2", order, 300),
		"a message's second part":    message,
		"by another part's message":  again,
		"another currency":           usd,
		"another order":              returned("r2", "p1", "0192f0c1-0000-7000-8000-000000000000", 100),
		"a part of a part":           of,
		"a part by a payment's name": returned("p1", "p3", order, 4200),
		"more than can be counted":   returned("r2", "p1", order, 9e15),
		"a payment by a part's name": payment("r1", order, 300),
	} {
		if got, _, err := s.Pay(ctx, "report", 0, p); !errors.Is(err, sale.ErrConflict) {
			t.Errorf("%s: got %+v, %v, want a conflict", name, got, err)
		}
	}
	for key, was := range before { // what binds payments to sales may be there for the new names
		if now := dump(t, client)[key]; now != was {
			t.Errorf("%s changed", key)
		}
	}
	// What is left may be refunded in part, and no more.
	if _, err := s.RefundPart(ctx, "report", order, "a", 2901); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("got %v, want a conflict: 2900 is left", err)
	}
	if _, err := s.RefundPart(ctx, "report", order, "a", 2900); err != nil {
		t.Error(err)
	}
	wantClean(t, s, "report")
}

// An operator asks for a part, and names it so to the provider, who reports it.
func TestAReportSettlesThePartThatWasAskedFor(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	order := paidSale(t, s, "asked")
	if _, err := s.RefundPart(ctx, "asked", order, "a", 300); err != nil {
		t.Fatal(err)
	}
	report := returned("a", "p1", order, 300)
	for _, replayed := range []bool{false, true} {
		got, _, err := s.Pay(ctx, "asked", 0, report)
		if err != nil || got.Replayed != replayed || got.Payment.State != sale.PaymentSettled {
			t.Errorf("got %+v, %v, want it settled, replayed %v", got, err, replayed)
		}
	}
	wantPayments(t, s, "asked", map[sale.PaymentID]int64{"p1": 300},
		sale.Payment{ID: "p1", Amount: 4200, State: sale.PaymentApplied},
		sale.Payment{ID: "a", Amount: 300, State: sale.PaymentSettled, Reason: sale.ReasonPartial, Of: "p1"})
}

// Messages come in any order: a payment that went back before it was reported pays nothing.
func TestAPaymentThatWentBackBeforeItCamePaysNothing(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		parts  []int64
		state  sale.PaymentState
		reason sale.Reason
		order  sale.State
	}{
		"all of it":                {[]int64{4000, 200}, sale.PaymentSettled, sale.ReasonReturned, sale.StateHeld},
		"more, by a mistake of it": {[]int64{4300}, sale.PaymentSettled, sale.ReasonReturned, sale.StateHeld},
		"a part":                   {[]int64{4199}, sale.PaymentApplied, sale.ReasonNone, sale.StatePaid},
	} {
		t.Run(name, func(t *testing.T) {
			s, client := newStore(t, server.Addr(), "n1")
			client.FlushDB(ctx)
			open(t, s, newSale("early", 5))
			order := held(t, s, "early", 1)[0].Order
			for i, amount := range c.parts {
				if _, _, err := s.Pay(ctx, "early", 0, returned(fmt.Sprint("r", i), "p1", order, amount)); err != nil {
					t.Fatal(err)
				}
			}
			got, _, err := s.Pay(ctx, "early", 0, payment("p1", order, 4200))
			if err != nil || got.Payment.State != c.state || got.Payment.Reason != c.reason || got.Order.State != c.order {
				t.Errorf("got %+v, %v, want %s %s, the order %s", got, err, c.state, c.reason, c.order)
			}
			whole := wantClean(t, s, "early")
			if err := s.Shut(ctx, "early", "a test"); err != nil {
				t.Fatal(err)
			}
			adoptNow(t, s, whole, false)
			if after := wantClean(t, s, "early"); !cmp.Equal(after.Parts, whole.Parts) || !cmp.Equal(after.Payments, whole.Payments) {
				t.Errorf("got %+v and %+v once it was reconciled, want as before", after.Parts, after.Payments)
			}
		})
	}
}

// The same of a sale that nobody knows.
func TestPartsOfPaymentsForUnknownSalesAreKept(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	early := stray(2)
	steps := []struct {
		payment  sale.Payment
		state    sale.PaymentState
		conflict bool
	}{
		{stray(1), sale.PaymentDue, false},
		{returned("r1", "pay/1", stray(1).Order, 900), sale.PaymentSettled, false},
		{returned("r2", "pay/1", "another", 900), "", true},
		{returned("r3", "r1", stray(1).Order, 900), "", true},
		{returned("r2", "pay/1", stray(1).Order, 9000), sale.PaymentSettled, false},
		{returned("r4", early.ID, early.Order, early.Amount), sale.PaymentSettled, false},
		{early, sale.PaymentSettled, false},
		{returned("r1", "pay/3", stray(1).Order, 900), "", true},
		{returned("r5", "pay/1", stray(1).Order, 9e15), "", true}, // more than can be counted
	}
	for i, step := range steps {
		for _, replayed := range []bool{false, true} {
			got, err := s.Orphan(ctx, "gone", step.payment)
			switch {
			case step.conflict:
				if !errors.Is(err, sale.ErrConflict) {
					t.Errorf("step %d: got %+v, %v, want a conflict", i, got, err)
				}
			case err != nil || got.Payment.State != step.state && !replayed || got.Replayed != replayed || got.Payment.Of != step.payment.Of:
				t.Errorf("step %d: got %+v, %v, want %s, replayed %v", i, got, err, step.state, replayed)
			}
		}
	}
	page, err := s.Orphans(ctx, sale.PaymentSettled, "", 10)
	if err != nil || len(page.Orphans) != 5 || page.Refunded["pay/1"] != 9900 || page.Refunded[early.ID] != early.Amount {
		t.Errorf("got %+v, %v, want both payments and their parts settled", page, err)
	}
	if due, err := s.Orphans(ctx, sale.PaymentDue, "", 10); err != nil || len(due.Orphans) != 0 {
		t.Errorf("got %+v, %v, want nothing due", due, err)
	}
}
