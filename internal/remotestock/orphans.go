package remotestock

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"onsale/internal/sale"
	"onsale/lua"
)

// Orphan records a payment for a sale that Redis does not have as a refund that is due, or a
// part of one that has gone back, of which the reason is read as well. Of p, all else is read
// but the state. The error is [sale.ErrConflict] where the payment
// or its message came before with another content, or of the infrastructure. Recording it
// twice is no error.
func (s *Store) Orphan(ctx context.Context, id sale.ID, p sale.Payment) (sale.Receipt, error) {
	bound := p.ID
	if p.Of == "" {
		p.State, p.Reason = sale.PaymentDue, sale.ReasonOrphan
	} else {
		p.State, bound = sale.PaymentSettled, p.Of
	}
	// A payment that a sale has, which is archived meanwhile, may never have been recorded.
	outcome, o, err := s.orphan(ctx, p.ID, s.bindTo(ctx, bound, orphans, string(id)), "keep", string(id), string(p.ID), p.Encode())
	if err == nil && outcome == "differs" {
		err = differs()
	}
	return sale.Receipt{Payment: o.Payment, Replayed: outcome == "already"}, err
}

// SettleOrphan records that the money of such a payment has gone back. The error is
// [sale.ErrNoPayment], or of the infrastructure. Settling twice is no error.
func (s *Store) SettleOrphan(ctx context.Context, payment sale.PaymentID) (sale.Orphan, error) {
	outcome, o, err := s.orphan(ctx, payment, nothingBefore, "settle", string(payment))
	if err == nil && outcome == "unknown" {
		err = sale.ErrNoPayment
	}
	return o, err
}

// Orphans returns at most limit payments for sales that nobody knew and that are in a
// state, oldest first, from a place that an earlier page named, or "".
func (s *Store) Orphans(ctx context.Context, state sale.PaymentState, after string, limit int) (page sale.OrphanPage, err error) {
	raw, err := s.callApart(ctx, orphanScript, s.config.Prefix.Orphans(), "list", string(state), after, limit)
	if err != nil {
		return page, unavailable(classify("orphan", err))
	}
	flat, err := texts(raw)
	if err == nil && len(flat)%3 != 1 {
		err = fmt.Errorf("%w: orphan answered %q", ErrReply, flat)
	}
	if err != nil {
		return page, unavailable(err)
	}
	page.Next = flat[0]
	for of := range slices.Chunk(flat[1:], 3) {
		o, err := parseOrphan(sale.PaymentID(of[0]), of[1])
		if err == nil {
			err = refunded(&page.Refunded, o.ID, of[2])
		}
		if err != nil {
			return page, unavailable(err)
		}
		page.Orphans = append(page.Orphans, o)
	}
	return page, nil
}

// orphan changes one of them, after what has to be done before, and returns what became of it.
func (s *Store) orphan(ctx context.Context, payment sale.PaymentID, before func() error, args ...any) (outcome string, o sale.Orphan, err error) {
	var raw []any
	again, err := s.insist(ctx, func() (err error) {
		if err := before(); err != nil {
			return err
		}
		raw, err = s.callApart(ctx, orphanScript, s.config.Prefix.Orphans(), args...)
		return classify("orphan", err)
	})
	if err != nil {
		return "", o, err
	}
	fields, err := texts(raw)
	if err == nil && len(fields) != 2 {
		err = fmt.Errorf("%w: orphan answered %q", ErrReply, fields)
	}
	if err == nil && fields[1] != "" {
		o, err = parseOrphan(payment, fields[1])
	}
	if err != nil {
		return "", o, classify("orphan", err)
	}
	if again && fields[0] == "already" {
		fields[0] = "done" // see resolve
	}
	return fields[0], o, nil
}

// callApart runs a script that stands apart from any sale through the breaker, as every call.
func (s *Store) callApart(ctx context.Context, sc *lua.Script, keys []string, args ...any) ([]any, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	begin := time.Now()
	raw, err := s.breaker.Execute(func() ([]any, error) { return s.run(ctx, sc, keys, args) })
	if tripped(err) {
		refollow(s.client)
	}
	if s.hooks.Called != nil {
		s.hooks.Called(sc.Name, 0, time.Since(begin), err)
	}
	return raw, err
}

func parseOrphan(payment sale.PaymentID, record string) (sale.Orphan, error) {
	id, rest, _ := strings.Cut(record, " ")
	p, err := parsePayment(payment, rest)
	return sale.Orphan{Sale: sale.ID(id), Payment: p}, err
}
