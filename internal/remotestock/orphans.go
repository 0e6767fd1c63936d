package remotestock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// orphansKey is a hash of the site's payments for sales that nobody knows: "p:" and the
// payment to sale and record, "m:" and the message to the payment that it named.
const orphansKey = "onsale:orphans"

// Orphan records a payment for a sale that Redis does not have as a refund that is due. Of
// p, all is read but state and reason. The error is [sale.ErrConflict] where the payment
// or its message came before with another content, or of the infrastructure. Recording it
// twice is no error.
func (s *Store) Orphan(ctx context.Context, id sale.ID, p sale.Payment) (receipt sale.Receipt, err error) {
	again, err := s.insist(ctx, func() (err error) {
		receipt, err = s.orphan(ctx, id, p)
		return err
	})
	if again {
		receipt.Replayed = false // see resolve
	}
	return receipt, err
}

func (s *Store) orphan(ctx context.Context, id sale.ID, p sale.Payment) (sale.Receipt, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	p.State, p.Reason = sale.PaymentDue, sale.ReasonOrphan
	// The message comes first: if this ends before the payment is written, the
	// provider's next attempt finds its own message and goes on.
	_, named, err := s.keep(ctx, "m:"+string(p.Message), string(p.ID))
	if err == nil && named != string(p.ID) {
		err = differs()
	}
	if err != nil {
		return sale.Receipt{}, err
	}
	created, record, err := s.keep(ctx, "p:"+string(p.ID), string(id)+" "+paymentRecord(p))
	if err != nil {
		return sale.Receipt{}, err
	}
	kept, err := parseOrphan(p.ID, record)
	switch {
	case err != nil:
		return sale.Receipt{}, classify("orphan", err)
	case kept.Sale != id || kept.Order != p.Order || kept.Amount != p.Amount || kept.Currency != p.Currency:
		return sale.Receipt{Payment: kept.Payment}, differs()
	}
	return sale.Receipt{Payment: kept.Payment, Replayed: !created}, nil
}

// keep sets a field once, and returns what it holds.
func (s *Store) keep(ctx context.Context, field, value string) (created bool, kept string, err error) {
	if created, err = s.client.HSetNX(ctx, orphansKey, field, value).Result(); err == nil && !created {
		value, err = s.client.HGet(ctx, orphansKey, field).Result()
	}
	return created, value, classify("orphan", err)
}

// Orphans returns every payment for a sale that nobody knew, oldest first.
func (s *Store) Orphans(ctx context.Context) ([]sale.Orphan, error) {
	var orphans []sale.Orphan
	err := s.scan(ctx, orphansKey, s.client.HScan, scanAtOnce, func(field, record string) error {
		payment, is := strings.CutPrefix(field, "p:")
		if !is {
			return nil
		}
		o, err := parseOrphan(sale.PaymentID(payment), record)
		orphans = append(orphans, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("orphans: %w", err)
	}
	slices.SortFunc(orphans, func(a, b sale.Orphan) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID))
	})
	// A scan may return a field twice.
	return slices.CompactFunc(orphans, func(a, b sale.Orphan) bool { return a.ID == b.ID }), nil
}

// SettleOrphan records that the money of such a payment has gone back. The error is
// [sale.ErrNoPayment], or of the infrastructure. Settling twice is no error.
func (s *Store) SettleOrphan(ctx context.Context, payment sale.PaymentID) (o sale.Orphan, err error) {
	_, err = s.insist(ctx, func() (err error) {
		o, err = s.settleOrphan(ctx, payment)
		return err
	})
	return o, err
}

func (s *Store) settleOrphan(ctx context.Context, payment sale.PaymentID) (sale.Orphan, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.Call)
	defer cancel()
	field := "p:" + string(payment)
	record, err := s.client.HGet(ctx, orphansKey, field).Result()
	if errors.Is(err, redis.Nil) {
		return sale.Orphan{}, sale.ErrNoPayment
	}
	var o sale.Orphan
	if err == nil {
		o, err = parseOrphan(payment, record)
	}
	if err != nil || o.State == sale.PaymentSettled {
		return o, classify("settle", err)
	}
	// Nothing else ever changes a record, so no check is lost in between.
	o.State = sale.PaymentSettled
	err = s.client.HSet(ctx, orphansKey, field, string(o.Sale)+" "+paymentRecord(o.Payment)).Err()
	return o, classify("settle", err)
}

func parseOrphan(payment sale.PaymentID, record string) (sale.Orphan, error) {
	id, rest, _ := strings.Cut(record, " ")
	p, err := parsePayment(payment, rest)
	return sale.Orphan{Sale: sale.ID(id), Payment: p}, err
}
