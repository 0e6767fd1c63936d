package remotestock

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// Payments in Redis are written as lua/payment.lua describes; this file reads and writes the
// keys that hold them, and package sale the record of each.

// Payments returns at most limit payments of the sale that are in a state, oldest first,
// from a place that an earlier page named, or "". It costs Redis as much as it returns,
// however many payments the sale has.
func (s *Store) Payments(ctx context.Context, id sale.ID, state sale.PaymentState, after string, limit int) (sale.PaymentPage, error) {
	r, err := s.ask(ctx, id, paymentsScript, 0, "state", string(state), after, limit)
	if err != nil {
		return sale.PaymentPage{}, unavailable(err)
	}
	page, err := r.payments()
	return page, unavailable(err)
}

// OrderPayments returns an order, whosever it is, with at most limit of its payments. The
// one that has paid it is the first of the first page, beyond the limit. The error is
// [sale.ErrNoOrder], or of the infrastructure.
func (s *Store) OrderPayments(ctx context.Context, id sale.ID, order sale.OrderID, after string, limit int) (sale.Order, sale.PaymentPage, error) {
	binary, ok := encodeID(order)
	if !ok {
		return sale.Order{}, sale.PaymentPage{}, sale.ErrNoOrder
	}
	r, err := s.ask(ctx, id, paymentsScript, 0, "order", binary, after, limit)
	if err != nil {
		return sale.Order{}, sale.PaymentPage{}, unavailable(err)
	}
	row, err := r.text("order")
	if err == nil && row == "" {
		return sale.Order{}, sale.PaymentPage{}, sale.ErrNoOrder
	}
	page, err2 := r.payments()
	if err := errors.Join(err, err2); err != nil {
		return sale.Order{}, sale.PaymentPage{}, unavailable(err)
	}
	o, err := parseRow(row)
	return o, page, unavailable(err)
}

// payments reads a page of payments.
func (r reply) payments() (page sale.PaymentPage, err error) {
	flat, err := r.texts("payments")
	if err != nil {
		return page, err
	}
	if page.Next, err = r.text("next"); err != nil {
		return page, err
	}
	for of := range slices.Chunk(flat, 3) {
		if len(of) != 3 {
			return page, fmt.Errorf("%w: a page of payments has %d fields", ErrReply, len(flat))
		}
		p, err := parsePayment(sale.PaymentID(of[0]), of[1])
		if err == nil {
			err = refunded(&page.Refunded, p.ID, of[2])
		}
		if err != nil {
			return page, err
		}
		page.Payments = append(page.Payments, p)
	}
	return page, nil
}

// refunded reads how much of a payment goes back in parts.
func refunded(into *map[sale.PaymentID]int64, id sale.PaymentID, value string) error {
	parts, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: of payment %s goes back %q", ErrReply, id, value)
	}
	if parts == 0 {
		return nil
	}
	if *into == nil {
		*into = map[sale.PaymentID]int64{}
	}
	(*into)[id] = parts
	return nil
}

// parsePayment reads a record as the scripts write it to the payments hash and to the stream.
func parsePayment(id sale.PaymentID, record string) (sale.Payment, error) {
	p, err := sale.DecodePayment(id, record)
	if err != nil {
		return sale.Payment{}, fmt.Errorf("%w: payment %s has the record %q: %w", ErrReply, id, record, err)
	}
	return p, nil
}

// indexed are the members of a sale's index for a payment. payer: it is the one that has
// paid its order.
func indexed(p sale.Payment, payer bool) []string {
	members := []string{fmt.Sprintf("%.1s%015d %s", p.State, p.At, p.ID)}
	if !payer {
		members = append(members, fmt.Sprintf("o%s %015d %s", p.Order, p.At, p.ID))
	}
	return members
}

// paymentsOf are the fields of the payments' hash, and the members of the index.
func paymentsOf(r sale.Records) (fields []any, index []string) {
	payers := map[sale.OrderID]sale.PaymentID{}
	for _, id := range slices.Sorted(maps.Keys(r.Payments)) {
		p := r.Payments[id]
		fields = append(fields, "p:"+string(id), p.Encode(), "m:"+string(p.Message), string(id))
		// A refunded order still names the payment that had paid it.
		paid := p.State == sale.PaymentApplied || p.Reason == sale.ReasonRefunded
		if _, two := payers[p.Order]; paid && !two {
			payers[p.Order] = id
			fields = append(fields, "o:"+string(p.Order), string(id))
		}
		index = append(index, indexed(p, payers[p.Order] == id)...)
	}
	for id, parts := range r.Refunded() {
		fields = append(fields, "r:"+string(id), parts)
	}
	return fields, index
}

// listed reads a member of the index: the payment, and the state that it is listed under,
// or "" where it is listed under its order.
func listed(member string) (sale.PaymentID, sale.PaymentState, error) {
	at := strings.LastIndexByte(member, ' ')
	if at < 1 {
		return "", "", fmt.Errorf("%w: a payment is listed as %q", ErrReply, member)
	}
	id := sale.PaymentID(member[at+1:])
	if member[0] == 'o' {
		return id, "", nil
	}
	for _, state := range []sale.PaymentState{sale.PaymentApplied, sale.PaymentDue, sale.PaymentSettled} {
		if member[0] == state[0] {
			return id, state, nil
		}
	}
	return "", "", fmt.Errorf("%w: a payment is listed as %q", ErrReply, member)
}
