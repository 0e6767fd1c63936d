package remotestock

import (
	"context"
	"errors"
	"fmt"

	"onsale/internal/sale"
)

// RefundPart has so much of the payment that paid an order go back, while the order stays
// as it is: that is due as a part, a payment of its own, under the name given. Asking twice
// under one name is no error. The error is [sale.ErrNoOrder], or [sale.ErrConflict] where no
// payment has paid the order, less than this is left of it, or the name is another's; or of
// the infrastructure.
func (s *Store) RefundPart(ctx context.Context, id sale.ID, order sale.OrderID, part sale.PaymentID, amount int64) (sale.Refund, error) {
	binary, ok := encodeID(order)
	if !ok {
		return sale.Refund{}, sale.ErrNoOrder
	}
	r, receipt, err := s.part(ctx, id, 0, nothingBefore, binary, "ask", string(part), amount)
	f := sale.Refund{Receipt: receipt}
	if err == nil {
		f.Payments, err = r.payments()
		err = classify("part", err)
	}
	return f, err
}

// returned records that a part of a payment has gone back, as its provider reports, or that
// the buyer's bank has taken it back. Of part, all is read but state and time. A part that
// an operator asked for under the same name is settled by it, and so is a payment that is
// due with its last part; orders stay as they are. The payment may be unknown: then it is
// yet to be reported, and pays nothing if all of it has gone back by then. The error is
// [sale.ErrConflict] where the part, its message or its payment came before with another
// content or for another sale, or of the infrastructure. Reporting twice is no error.
func (s *Store) returned(ctx context.Context, id sale.ID, known sale.Generation, part sale.Payment) (sale.Receipt, sale.Reading, error) {
	binary, _ := encodeID(part.Order)
	bound := s.bindTo(ctx, part.Of, string(id))
	part.State = sale.PaymentSettled
	r, receipt, err := s.part(ctx, id, known, bound, binary, "report", string(part.ID), part.Encode())
	if errors.Is(err, errOrphaned) {
		receipt, err = s.Orphan(ctx, id, part)
	}
	return receipt, r.reading, err
}

// part runs the script of parts, after what has to be done before.
func (s *Store) part(ctx context.Context, id sale.ID, known sale.Generation, before func() error, what ...any) (reply, sale.Receipt, error) {
	r, again, err := s.after(ctx, id, partScript, known, before, what...)
	if err != nil {
		return reply{}, sale.Receipt{}, err
	}
	outcome, err := r.text("outcome")
	left, err2 := r.number("left")
	receipt, err3 := r.orderAndPayment()
	if err := errors.Join(err, err2, err3); err != nil {
		return reply{}, sale.Receipt{}, classify("part", err)
	}
	switch outcome {
	case "done":
	case "already":
		receipt.Replayed = !again // see resolve
	case "unknown":
		err = sale.ErrNoOrder
	case "differs":
		err = differs()
	case "refused":
		err = sale.Conflict("order is %s, and no payment that could go back in part has paid it", receipt.Order.State)
	case "excess":
		err = sale.Conflict("that is no part of what is left of the payment: want 1 to %d minor units", left)
	default:
		err = classify("part", fmt.Errorf("%w: part answered %q", ErrReply, outcome))
	}
	return r, receipt, err
}
