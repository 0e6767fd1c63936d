package remotestock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"onsale/internal/sale"
)

// A payment's id is the provider's, and one for the whole site, while each sale keeps its
// own payments in a slot of its own. So a key of the site names the sale that a payment
// belongs to, and it is written before the payment is. A program that dies in between
// leaves a name without a payment: the provider sends the message again, finds the same
// name, and goes on. Nothing is ever recorded for a sale that the payment does not belong to.

// bindingLives is for how long a payment's sale is remembered. Longer costs about 150 bytes
// of Redis for each payment of that time; shorter, and a provider that reports a payment
// again after it, for another sale, pays a second order. Providers repeat a message for days.
const bindingLives = 30 * 24 * time.Hour

// orphans is the owner of payments for sales that nobody knows. No sale has this id.
const orphans = "-"

// bind names the owner of a payment: the one given, unless there is one already. The error
// is classified.
func (s *Store) bind(ctx context.Context, payment sale.PaymentID, owner string) (string, error) {
	raw, err := s.callApart(ctx, bindScript, s.config.Prefix.Payment(payment), owner, bindingLives.Milliseconds())
	if err != nil {
		return "", classify("bind", err)
	}
	fields, err := texts(raw)
	if err == nil && (len(fields) != 1 || fields[0] == "") {
		err = fmt.Errorf("%w: bind answered %q", ErrReply, fields)
	}
	if err != nil {
		return "", classify("bind", err)
	}
	return fields[0], nil
}

// bindTo returns what has to be done before a payment is recorded for an owner: the payment
// is that owner's then, or one's of the others that are no obstacle; otherwise the error is
// a [sale.ErrConflict], or errOrphaned. It asks Redis until it has an answer, and then no more.
func (s *Store) bindTo(ctx context.Context, payment sale.PaymentID, owner string, others ...string) func() error {
	var found string
	return func() (err error) {
		if found == "" {
			if found, err = s.bind(ctx, payment, owner); err != nil {
				return err
			}
		}
		if found != owner && !slices.Contains(others, found) {
			return elsewhere(found)
		}
		return nil
	}
}

// rebind names a sale as the owner of its payments again, for what is left of their time,
// where the loss that the sale is reconciled after took their keys with it. A payment that
// has an owner keeps it. Replicas do not confirm these: a master that dies within the next moments takes them along.
func (s *Store) rebind(ctx context.Context, id sale.ID, payments map[sale.PaymentID]sale.Payment) error {
	now, err := s.client.Time(ctx).Result()
	if err != nil {
		return err
	}
	p := s.client.Pipeline()
	flush := func(least int) error {
		if p.Len() < least {
			return nil
		}
		_, err := p.Exec(ctx)
		if errors.Is(err, redis.Nil) { // one of them has an owner
			return nil
		}
		return err
	}
	for _, payment := range payments {
		left := bindingLives - now.Sub(payment.At.Time())
		if left <= 0 {
			continue
		}
		// A part goes by the payment that it is part of, which may not have been reported yet.
		p.SetNX(ctx, s.config.Prefix.Payment(cmp.Or(payment.Of, payment.ID))[0], string(id), min(left, bindingLives))
		if err := flush(buildAtOnce); err != nil {
			return err
		}
	}
	return flush(1)
}

// nothingBefore is for calls that need no binding.
func nothingBefore() error { return nil }

// errOrphaned: the payment came before for a sale that nobody knew.
var errOrphaned = errors.New("the payment is an orphan")

// elsewhere is the error of a payment that belongs to another owner.
func elsewhere(owner string) error {
	if owner == orphans {
		return errOrphaned
	}
	return sale.Conflict("this payment came before, for sale %s", owner)
}
