package remotestock_test

import (
	"context"
	"fmt"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"onsale/internal/sale"
)

// pay sends a new payment or one again, of the right amount or not, and perhaps for an
// order that nobody knows.
func (w *world) pay(t *rapid.T) {
	o, ok := w.anyOrder(t)
	if !ok || rapid.IntRange(0, 9).Draw(t, "orphan") == 0 {
		o = sale.Order{ID: sale.OrderID(uuid.NewString()), Quantity: 1}
	}
	n := rapid.IntRange(1, 6).Draw(t, "payment")
	p := payment(fmt.Sprint(w.id, "-p", n), o.ID, int64(o.Quantity)*w.model.Records().Sale.Price)
	switch rapid.IntRange(0, 5).Draw(t, "fault") {
	case 0:
		p.Amount++
	case 1:
		p.Currency = "USD"
	case 2:
		p.Message = sale.MessageID(fmt.Sprint("msg_", w.id, "-p", n%6+1)) // another payment's
	}
	w.received(t, "pay", p)
}

// received takes a payment into both, and compares what they answer.
func (w *world) received(t *rapid.T, what string, p sale.Payment) {
	w.see()
	got, r, err := w.store.Pay(context.Background(), w.id, 0, p)
	if err == nil {
		w.model.Now = r.At
	}
	want, err2 := w.model.Pay(p)
	wantKind(t, fmt.Sprintf("%s %+v", what, p), err, err2)
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Fatalf("%s %+v (-model +redis):\n%s", what, p, diff)
	}
}

func (w *world) refund(t *rapid.T) {
	o, ok := w.anyOrder(t)
	if !ok {
		return
	}
	w.see()
	got, err := w.store.Refund(context.Background(), w.id, o.ID)
	want, err2 := w.model.Refund(o.ID)
	wantKind(t, "refund", err, err2)
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Fatalf("refund (-model +redis):\n%s", diff)
	}
}

func (w *world) settle(t *rapid.T) {
	id := w.anyPayment(t)
	w.see()
	got, err := w.store.Settle(context.Background(), w.id, id)
	want, err2 := w.model.Settle(id)
	wantKind(t, "settle", err, err2)
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Fatalf("settle (-model +redis):\n%s", diff)
	}
}

func (w *world) anyPayment(t *rapid.T) sale.PaymentID {
	return sale.PaymentID(fmt.Sprint(w.id, rapid.SampledFrom([]string{"-p", "-r"}).Draw(t, "kind"), rapid.IntRange(1, 6).Draw(t, "payment")))
}

// part has a part of what paid an order go back, perhaps more than there is.
func (w *world) part(t *rapid.T) {
	o, ok := w.anyOrder(t)
	if !ok {
		return
	}
	part, amount := w.anyPayment(t), rapid.SampledFrom([]int64{0, 1, 2100, 4200, 9000}).Draw(t, "amount")
	w.see()
	got, err := w.store.RefundPart(context.Background(), w.id, o.ID, part, amount)
	if err == nil && !got.Replayed { // the part has the time of its call, which no reading brings
		w.model.Now = got.Payment.At
	}
	want, err2 := w.model.RefundPart(o.ID, part, amount)
	wantKind(t, "part", err, err2)
	if diff := cmp.Diff(want, got); err == nil && diff != "" {
		t.Fatalf("part (-model +redis):\n%s", diff)
	}
}

// report reports that a part of a payment has gone back, which perhaps nobody knows yet.
func (w *world) report(t *rapid.T) {
	o, ok := w.anyOrder(t)
	if !ok {
		o = sale.Order{ID: sale.OrderID(uuid.NewString())}
	}
	n := rapid.IntRange(1, 6).Draw(t, "payment")
	p := payment(fmt.Sprint(w.id, "-r", n), o.ID, rapid.SampledFrom([]int64{1, 2100, 4200, 9e15}).Draw(t, "amount"))
	p.Of, p.Reason = w.anyPayment(t), rapid.SampledFrom([]sale.Reason{sale.ReasonReturned, sale.ReasonDisputed}).Draw(t, "reason")
	if of, known := w.model.Records().Payments[p.Of]; known && rapid.IntRange(0, 4).Draw(t, "fits") > 0 {
		p.Order, p.Currency = of.Order, of.Currency
	}
	if asked, known := w.model.Records().Payments[p.ID]; known && rapid.IntRange(0, 4).Draw(t, "again") > 0 {
		p.Of, p.Order, p.Amount, p.Currency = asked.Of, asked.Order, asked.Amount, asked.Currency
	}
	if rapid.IntRange(0, 5).Draw(t, "fault") == 0 {
		p.Message = sale.MessageID(fmt.Sprint("msg_", w.id, "-p", n)) // a payment's
	}
	if p.Of == p.ID || p.Of == "" {
		return
	}
	w.received(t, "report", p)
}

// list reads the payments as an operator does, page by page.
func (w *world) list(t *rapid.T) {
	if w.see(); w.model.Lost() != "" {
		return
	}
	ctx, limit := context.Background(), rapid.IntRange(1, 3).Draw(t, "limit")
	for _, state := range []sale.PaymentState{sale.PaymentApplied, sale.PaymentDue, sale.PaymentSettled} {
		refunded := w.model.Records().Refunded()
		got, err := paged(func(after string) (sale.PaymentPage, error) {
			page, err := w.store.Payments(ctx, w.id, state, after, limit)
			for _, p := range page.Payments {
				if page.Refunded[p.ID] != refunded[p.ID] {
					t.Fatalf("of %s goes back %d, want %d", p.ID, page.Refunded[p.ID], refunded[p.ID])
				}
			}
			return page, err
		})
		if diff := cmp.Diff(w.model.Payments(state), got); err != nil || diff != "" {
			t.Fatalf("%s payments: %v (-model +redis):\n%s", state, err, diff)
		}
	}
	if o, ok := w.anyOrder(t); ok {
		got, err := paged(func(after string) (sale.PaymentPage, error) {
			found, page, err := w.store.OrderPayments(ctx, w.id, o.ID, after, limit)
			if found != o && err == nil {
				err = fmt.Errorf("got the order %+v, want %+v", found, o)
			}
			return page, err
		})
		if diff := cmp.Diff(w.model.PaymentsFor(o.ID), got); err != nil || diff != "" {
			t.Fatalf("payments for %s: %v (-model +redis):\n%s", o.ID, err, diff)
		}
	}
}

// paged follows the pages of a list to its end.
func paged(page func(after string) (sale.PaymentPage, error)) (all []sale.Payment, err error) {
	for after := ""; ; {
		p, err := page(after)
		all = append(all, p.Payments...)
		if after = p.Next; err != nil || after == "" {
			return all, err
		}
	}
}
