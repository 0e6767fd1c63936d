package remotestock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// Cancel ends a buyer's hold. The order comes back as it is now; the error is
// [sale.ErrNoOrder] or [sale.ErrConflict] (paid, expired or refunded), or of
// the infrastructure. Cancelling twice is no error.
func (s *Store) Cancel(ctx context.Context, id sale.ID, known sale.Generation, order sale.OrderID, buyer sale.Buyer) (sale.Order, sale.Reading, error) {
	r, reading, err := s.resolve(ctx, id, known, order, "cancel", string(buyer))
	return r.Order, reading, err
}

// Pay takes a payment: it pays the hold, or is recorded as a refund that is due;
// the receipt's payment says which. Of p, what a provider knows is read: its id
// and message, order, amount and currency. The error is [sale.ErrNoOrder],
// [sale.ErrConflict] where the payment or its message was told of before with
// another content, or of the infrastructure. Paying twice is no error.
func (s *Store) Pay(ctx context.Context, id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error) {
	return s.resolve(ctx, id, known, p.Order, "pay", string(p.ID), string(p.Message), p.Amount, p.Currency)
}

// Refund ends a paid order: its stock returns, and its payment is due to go
// back. The error is [sale.ErrNoOrder] or [sale.ErrConflict] (not paid), or of
// the infrastructure. Refunding twice is no error.
func (s *Store) Refund(ctx context.Context, id sale.ID, order sale.OrderID) (sale.Receipt, error) {
	r, _, err := s.resolve(ctx, id, 0, order, "refund")
	return r, err
}

func (s *Store) resolve(ctx context.Context, id sale.ID, known sale.Generation, order sale.OrderID, what ...any) (sale.Receipt, sale.Reading, error) {
	r, err := s.ask(ctx, resolveScript, keysOf(id).all, append([]any{s.node, int64(known), string(order)}, what...)...)
	if err != nil {
		return sale.Receipt{}, sale.Reading{}, err
	}
	receipt, err := r.receipt(order)
	if errors.Is(err, ErrReply) {
		err = classify("resolve", err)
	}
	return receipt, r.reading, err
}

// receipt reads what resolve said of the order.
func (r reply) receipt(order sale.OrderID) (sale.Receipt, error) {
	word, err := r.text(0)
	record, err2 := r.text(1)
	payment, err3 := r.text(2)
	if err := errors.Join(err, err2, err3); err != nil {
		return sale.Receipt{}, err
	}
	if word == "unknown" {
		return sale.Receipt{}, sale.ErrNoOrder
	}
	o, err := parseOrder(order, record)
	var p sale.Payment
	if id, record, found := strings.Cut(payment, " "); err == nil && found {
		p, err = parsePayment(sale.PaymentID(id), record)
	}
	if err != nil {
		return sale.Receipt{}, err
	}
	receipt := sale.Receipt{Order: o, Payment: p}
	switch word {
	case "done", "due":
	case "already":
		receipt.Replayed = true
	case "refused":
		err = sale.Conflict("order is %s", o.State)
	case "differs":
		err = sale.Conflict("this payment or message was told of before, with another content")
	default:
		err = fmt.Errorf("%w: resolve said %q", ErrReply, word)
	}
	return receipt, err
}

// Settle notes that the money of a payment that was due has gone back. The
// error is [sale.ErrNoPayment] or [sale.ErrConflict] (it is not due), or of the
// infrastructure. Settling twice is no error.
func (s *Store) Settle(ctx context.Context, id sale.ID, payment sale.PaymentID) (sale.Payment, error) {
	k := keysOf(id)
	r, err := s.ask(ctx, settleScript, []string{k.sale, k.plan, k.events, k.payments}, string(payment))
	if err != nil {
		return sale.Payment{}, err
	}
	word, err := r.text(0)
	record, err2 := r.text(1)
	if err = errors.Join(err, err2); err != nil {
		return sale.Payment{}, classify("settle", err)
	}
	if word == "unknown" {
		return sale.Payment{}, sale.ErrNoPayment
	}
	p, err := parsePayment(payment, record)
	switch {
	case err != nil:
	case word == "refused":
		return p, sale.Conflict("payment is %s", p.State)
	case word != "done" && word != "already":
		err = fmt.Errorf("%w: settle said %q", ErrReply, word)
	}
	return p, classify("settle", err)
}

// Payments returns every payment of the sale, oldest first.
func (s *Store) Payments(ctx context.Context, id sale.ID) ([]sale.Payment, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	fields, err := s.client.HGetAll(ctx, keysOf(id).payments).Result()
	if err != nil {
		return nil, fmt.Errorf("payments: %w: %w", sale.ErrUnavailable, err)
	}
	var payments []sale.Payment
	for field, record := range fields {
		name, is := strings.CutPrefix(field, "p:")
		if !is {
			continue
		}
		p, err := parsePayment(sale.PaymentID(name), record)
		if err != nil {
			return nil, classify("payments", err)
		}
		payments = append(payments, p)
	}
	slices.SortFunc(payments, func(a, b sale.Payment) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID))
	})
	return payments, nil
}

// parsePayment reads a record, "state reason amount currency at order message",
// as the scripts write it to the payments hash and to the stream.
func parsePayment(id sale.PaymentID, record string) (sale.Payment, error) {
	w := strings.Split(record, " ")
	if len(w) != 7 {
		return sale.Payment{}, fmt.Errorf("%w: payment %s has the record %q", ErrReply, id, record)
	}
	amount, err := strconv.ParseInt(w[2], 10, 64)
	at, err2 := strconv.ParseInt(w[4], 10, 64)
	if err = errors.Join(err, err2); err != nil {
		return sale.Payment{}, fmt.Errorf("%w: payment %s has the record %q", ErrReply, id, record)
	}
	p := sale.Payment{
		ID: id, State: sale.PaymentState(w[0]), Amount: amount, Currency: w[3],
		At: sale.Instant(at), Order: sale.OrderID(w[5]), Message: sale.MessageID(w[6]),
	}
	if w[1] != "-" {
		p.Reason = sale.Reason(w[1])
	}
	return p, nil
}

// paymentRecord is the inverse of parsePayment.
func paymentRecord(p sale.Payment) string {
	return fmt.Sprintf("%s %s %d %s %d %s %s", p.State, cmp.Or(string(p.Reason), "-"), p.Amount, p.Currency, p.At, p.Order, p.Message)
}
