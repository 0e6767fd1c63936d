package remotestock

import (
	"context"
	"errors"
	"fmt"

	"onsale/internal/sale"
	"onsale/lua"
)

// Cancel ends a buyer's hold. The order comes back as it is now; the error is
// [sale.ErrNoOrder] or [sale.ErrConflict] (paid, expired or refunded), or of
// the infrastructure. Cancelling twice is no error.
func (s *Store) Cancel(ctx context.Context, id sale.ID, known sale.Generation, order sale.OrderID, buyer sale.Buyer) (sale.Order, sale.Reading, error) {
	binary, ok := encodeID(order)
	if !ok {
		return sale.Order{}, sale.Reading{}, sale.ErrNoOrder
	}
	r, receipt, err := s.resolve(ctx, id, known, nothingBefore, binary, "cancel", string(buyer))
	return receipt.Order, r.reading, err
}

// Pay takes a payment: it pays the hold, or is recorded as a refund that is due, as the
// receipt's payment shows. A part of a payment that went back is recorded, see returned. Of p,
// what a provider knows is read: its id and message, order, amount and currency; and when it
// came, if it is an orphan. The receipt's order is empty if the sale does not have it, and the
// payment's reason [sale.ReasonOrphan]. The error is [sale.ErrConflict] if the payment or its
// message came before with another content or for another sale, or of the infrastructure.
// Paying twice is no error.
func (s *Store) Pay(ctx context.Context, id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
	if p.Of != "" {
		return s.returned(ctx, id, known, p)
	}
	binary, _ := encodeID(p.Order) // an order that no node can have made is in no record
	bound := s.bindTo(ctx, p.ID, string(id))
	report := p
	report.State, report.Reason = sale.PaymentDue, sale.ReasonNone // the script decides both
	r, receipt, err := s.resolve(ctx, id, known, bound, binary, "pay", string(p.ID), report.Encode())
	if errors.Is(err, errOrphaned) {
		// The sale was unknown when the payment was first reported. Its money is due to go
		// back, and must not pay an order as well.
		receipt, err = s.Orphan(ctx, id, p)
	}
	return receipt, r.reading, err
}

// Refund ends a paid order: its stock returns, and its payment is due to go
// back. The error is [sale.ErrNoOrder] or [sale.ErrConflict] (not paid), or of
// the infrastructure. Refunding twice is no error.
func (s *Store) Refund(ctx context.Context, id sale.ID, order sale.OrderID) (sale.Refund, error) {
	binary, ok := encodeID(order)
	if !ok {
		return sale.Refund{}, sale.ErrNoOrder
	}
	r, receipt, err := s.resolve(ctx, id, 0, nothingBefore, binary, "refund")
	f := sale.Refund{Receipt: receipt}
	if err == nil {
		// In the same reply: were it read apart, a failure would hide that the order is refunded.
		f.Payments, err = r.payments()
		err = classify("resolve", err)
	}
	return f, err
}

// resolve makes a transition, after what has to be done before.
func (s *Store) resolve(ctx context.Context, id sale.ID, known sale.Generation, before func() error, what ...any) (reply, sale.Receipt, error) {
	r, again, err := s.after(ctx, id, resolveScript, known, before, what...)
	if err != nil {
		return reply{}, sale.Receipt{}, err
	}
	receipt, err := r.receipt()
	if again {
		// What this call found done may be its own work: anyone who reports it must not be
		// silenced by an answer that was lost on the way here.
		receipt.Replayed = false
	}
	if errors.Is(err, ErrReply) {
		err = classify("resolve", err)
	}
	return r, receipt, err
}

// after runs a script, after what has to be done before. again: it may have run before.
func (s *Store) after(ctx context.Context, id sale.ID, script *lua.Script, known sale.Generation, before func() error, what ...any) (r reply, again bool, err error) {
	again, err = s.insist(ctx, func() (err error) {
		if err := before(); err != nil {
			return err
		}
		r, err = s.ask(ctx, id, script, known, what...)
		return err
	})
	return r, again, err
}

// receipt reads what resolve answered.
func (r reply) receipt() (sale.Receipt, error) {
	outcome, err := r.text("outcome")
	receipt, err2 := r.orderAndPayment()
	if err := errors.Join(err, err2); err != nil {
		return sale.Receipt{}, err
	}
	if outcome == "unknown" {
		return sale.Receipt{}, sale.ErrNoOrder
	}
	switch outcome {
	case "done", "due":
	case "already":
		receipt.Replayed = true
	case "refused":
		err = sale.Conflict("order is %s", receipt.Order.State)
	case "differs":
		err = differs()
	default:
		err = fmt.Errorf("%w: resolve answered %q", ErrReply, outcome)
	}
	return receipt, err
}

// orderAndPayment reads what scripts return of an order and of a payment for it.
func (r reply) orderAndPayment() (receipt sale.Receipt, err error) {
	row, err := r.text("order")
	payment, err2 := r.text("payment")
	record, err3 := r.text("record")
	if err := errors.Join(err, err2, err3); err != nil {
		return receipt, err
	}
	if row != "" {
		receipt.Order, err = parseRow(row)
	}
	if err == nil && payment != "" && record != "" {
		receipt.Payment, err = parsePayment(sale.PaymentID(payment), record)
	}
	if err != nil {
		return sale.Receipt{}, err
	}
	return receipt, nil
}

// differs is the error of a payment or message that came before with another content.
func differs() error {
	return sale.Conflict("this payment or message came before, with another content")
}

// Settle notes that the money of a payment that was due has gone back. The
// error is [sale.ErrNoPayment] or [sale.ErrConflict] (it is not due), or of the
// infrastructure. Settling twice is no error.
func (s *Store) Settle(ctx context.Context, id sale.ID, payment sale.PaymentID) (sale.Payment, error) {
	var r reply
	_, err := s.insist(ctx, func() (err error) {
		r, err = s.ask(ctx, id, settleScript, 0, string(payment))
		return err
	})
	if err != nil {
		return sale.Payment{}, err
	}
	outcome, err := r.text("outcome")
	record, err2 := r.text("record")
	if err = errors.Join(err, err2); err != nil {
		return sale.Payment{}, classify("settle", err)
	}
	if outcome == "unknown" {
		return sale.Payment{}, sale.ErrNoPayment
	}
	p, err := parsePayment(payment, record)
	switch {
	case err != nil:
	case outcome == "refused":
		return p, sale.Conflict("payment is %s", p.State)
	case outcome != "done" && outcome != "already":
		err = fmt.Errorf("%w: settle answered %q", ErrReply, outcome)
	}
	return p, classify("settle", err)
}
