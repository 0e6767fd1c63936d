package remotestock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	words, err := texts(raw)
	if err == nil && (len(words) != 1 || words[0] == "") {
		err = fmt.Errorf("%w: bind answered %q", ErrReply, words)
	}
	if err != nil {
		return "", classify("bind", err)
	}
	return words[0], nil
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
