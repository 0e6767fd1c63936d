package remotestock_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"onsale/internal/remotestock"
	"onsale/internal/sale"
)

// returned is a part of a payment that a provider has reported as gone back.
func returned(id string, of sale.PaymentID, order sale.OrderID, amount int64) sale.Payment {
	p := payment(id, order, amount)
	p.Of, p.Reason = of, sale.ReasonReturned
	return p
}

// paidSale is a sale with one order, of 4200, that p1 has paid.
func paidSale(t *testing.T, s *remotestock.Store, id sale.ID) sale.OrderID {
	t.Helper()
	open(t, s, newSale(string(id), 5))
	order := held(t, s, id, 1)[0].Order
	if _, _, err := s.Pay(context.Background(), id, 0, payment("p1", order, 4200)); err != nil {
		t.Fatal(err)
	}
	return order
}

// wantPayments compares the payments of a sale, but for messages and times, and what goes
// back of each in parts.
func wantPayments(t *testing.T, s *remotestock.Store, id sale.ID, parts map[sale.PaymentID]int64, want ...sale.Payment) sale.Snapshot {
	t.Helper()
	v := wantClean(t, s, id)
	all := map[sale.PaymentID]sale.Payment{}
	for _, p := range want {
		all[p.ID] = p
	}
	if diff := cmp.Diff(all, v.Payments, cmpopts.IgnoreFields(sale.Payment{}, "Message", "At", "Currency", "Order")); diff != "" {
		t.Errorf("payments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(parts, v.Parts, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("what goes back in parts (-want +got):\n%s", diff)
	}
	return v
}

// An operator who asked for {"amount":300} back gave back everything, tickets included.
func TestAPartialRefundReturnsItsAmountAndNoTickets(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	order := paidSale(t, s, "part")
	for _, replayed := range []bool{false, true} {
		got, err := s.RefundPart(ctx, "part", order, "a", 300)
		if err != nil || got.Replayed != replayed || got.Order.State != sale.StatePaid || got.Payment.State != sale.PaymentDue ||
			got.Payment.Of != "p1" || got.Payment.Amount != 300 || got.Payments.Refunded["p1"] != 300 || len(got.Payments.Payments) != 2 {
			t.Fatalf("got %+v, %v, want 300 due of a paid order, replayed %v", got, err, replayed)
		}
	}
	p1 := sale.Payment{ID: "p1", Amount: 4200, State: sale.PaymentApplied}
	a := sale.Payment{ID: "a", Amount: 300, State: sale.PaymentDue, Reason: sale.ReasonPartial, Of: "p1"}
	v := wantPayments(t, s, "part", map[sale.PaymentID]int64{"p1": 300}, p1, a)
	if want := (sale.Counters{Total: 5, Remaining: 4, Paid: 1}); v.Counters != want {
		t.Errorf("got the books %+v, want %+v", v.Counters, want)
	}
	for name, c := range map[string]struct {
		part   sale.PaymentID
		amount int64
	}{
		"more than is left":    {"b", 3901},
		"nothing":              {"b", 0},
		"another amount":       {"a", 301},
		"a payment's name":     {"p1", 4200},
		"a message's name":     {"msg_p1", 100},
		"much more than it is": {"b", 9_000_000},
	} {
		if got, err := s.RefundPart(ctx, "part", order, c.part, c.amount); !errors.Is(err, sale.ErrConflict) {
			t.Errorf("%s: got %+v, %v, want a conflict", name, got, err)
		}
	}
	// The whole of the rest may go back in parts, too; and the tickets afterwards.
	if _, err := s.RefundPart(ctx, "part", order, "b", 3900); err != nil {
		t.Fatal(err)
	}
	for _, replayed := range []bool{false, true} {
		got, err := s.Refund(ctx, "part", order)
		if err != nil || got.Replayed != replayed || got.Order.State != sale.StateRefunded || got.Payment.State != sale.PaymentSettled {
			t.Errorf("got %+v, %v, want it refunded, and nothing more due of the payment", got, err)
		}
	}
	if got, err := s.RefundPart(ctx, "part", order, "c", 1); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("a part of a refunded order: got %+v, %v, want a conflict", got, err)
	}
	if got, err := s.RefundPart(ctx, "part", order, "a", 300); err != nil || !got.Replayed {
		t.Errorf("an earlier part again: got %+v, %v, want it as before", got, err)
	}
	p1.State, p1.Reason = sale.PaymentSettled, sale.ReasonRefunded
	b := sale.Payment{ID: "b", Amount: 3900, State: sale.PaymentDue, Reason: sale.ReasonPartial, Of: "p1"}
	wantPayments(t, s, "part", map[sale.PaymentID]int64{"p1": 4200}, p1, a, b)
	if got, err := s.Settle(ctx, "part", "a"); err != nil || got.State != sale.PaymentSettled || got.Of != "p1" {
		t.Errorf("got %+v, %v, want the part settled", got, err)
	}
}

// What is left of a payment after its parts is due when the order is refunded.
func TestARefundAfterPartsReturnsWhatIsLeft(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	order := paidSale(t, s, "left")
	if _, err := s.RefundPart(ctx, "left", order, "a", 300); err != nil {
		t.Fatal(err)
	}
	got, err := s.Refund(ctx, "left", order)
	if err != nil || got.Payment.State != sale.PaymentDue || got.Payments.Refunded["p1"] != 300 {
		t.Fatalf("got %+v, %v, want p1 due, of which 300 goes back apart", got, err)
	}
	// The provider reports the rest: nothing is due any more.
	if _, _, err := s.Pay(ctx, "left", 0, returned("r1", "p1", order, 3900)); err != nil {
		t.Fatal(err)
	}
	wantPayments(t, s, "left", map[sale.PaymentID]int64{"p1": 4200},
		sale.Payment{ID: "p1", Amount: 4200, State: sale.PaymentSettled, Reason: sale.ReasonRefunded},
		sale.Payment{ID: "a", Amount: 300, State: sale.PaymentDue, Reason: sale.ReasonPartial, Of: "p1"},
		sale.Payment{ID: "r1", Amount: 3900, State: sale.PaymentSettled, Reason: sale.ReasonReturned, Of: "p1"})
}

func TestOnlyAPaidOrderIsRefundedInPart(t *testing.T) {
	ctx := context.Background()
	s, client := newStore(t, server.Addr(), "n1")
	open(t, s, newSale("unpaid", 5))
	c := held(t, s, "unpaid", 1)[0]
	free := newSale("free", 5)
	free.Price = 0
	open(t, s, free)
	gift := claim("ann", 1)
	if _, err := committer(t, s, "free").Decide(gift); err != nil {
		t.Fatal(err)
	}
	before := dump(t, client)
	for order, id := range map[sale.OrderID]sale.ID{c.Order: "unpaid", gift.Order: "free"} {
		if got, err := s.RefundPart(ctx, id, order, "a", 1); !errors.Is(err, sale.ErrConflict) {
			t.Errorf("%s: got %+v, %v, want a conflict", id, got, err)
		}
	}
	for _, order := range []sale.OrderID{"0192f0c1-0000-7000-8000-000000000000", "no-order-of-ours"} {
		if got, err := s.RefundPart(ctx, "unpaid", order, "a", 1); !errors.Is(err, sale.ErrNoOrder) {
			t.Errorf("got %+v, %v, want ErrNoOrder", got, err)
		}
	}
	wantUnchanged(t, client, before)
}

// A part belongs to the sale that its payment was first reported for.
func TestAPartIsOfItsPaymentsSale(t *testing.T) {
	ctx := context.Background()
	s, _ := newStore(t, server.Addr(), "n1")
	order := paidSale(t, s, "mine")
	open(t, s, newSale("other", 5))
	if got, _, err := s.Pay(ctx, "other", 0, returned("r1", "p1", order, 300)); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("another sale's payment: got %+v, %v, want a conflict", got, err)
	}
	if got, err := s.Orphan(ctx, "gone", returned("r1", "p1", order, 300)); !errors.Is(err, sale.ErrConflict) {
		t.Errorf("a payment of a sale that is there, for one that is not: got %+v, %v, want a conflict", got, err)
	}
	// The payment came while nobody knew the sale: its parts go where it is.
	lost := stray(1)
	if _, err := s.Orphan(ctx, "other", lost); err != nil {
		t.Fatal(err)
	}
	got, _, err := s.Pay(ctx, "other", 0, returned("r2", lost.ID, lost.Order, lost.Amount))
	if err != nil || got.Payment.State != sale.PaymentSettled || got.Payment.Of != lost.ID {
		t.Errorf("got %+v, %v, want it recorded", got, err)
	}
	if due, err := s.Orphans(ctx, sale.PaymentDue, "", 10); err != nil || len(due.Orphans) != 0 {
		t.Errorf("got %+v, %v, want the orphan settled", due, err)
	}
	if v := wantClean(t, s, "other"); len(v.Payments) != 0 {
		t.Errorf("got %+v, want no payment in the sale", v.Payments)
	}
}
