package remotestock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"onsale/internal/sale"
)

// Open creates the sale, once. Opening the same definition again is no error
// and changes nothing; another definition is [sale.ErrConflict].
func (s *Store) Open(ctx context.Context, d sale.Sale) (created bool, err error) {
	if err := d.Validate(); err != nil {
		return false, err
	}
	if d.HasLine() && d.LineSecret == "" {
		d.LineSecret, d.LineSeed = sale.NewSecret(), sale.NewSecret()
	}
	life := rand.Text()
	args := append([]any{life, flag(s.config.Ledger), d.Total, flag(d.Closed)}, definitionArgs(d)...)
	_, err = s.insist(ctx, func() (err error) {
		created, err = s.open(ctx, d.ID, life, args)
		return err
	})
	return created, err
}

func (s *Store) open(ctx context.Context, id sale.ID, life string, args []any) (created bool, err error) {
	r, err := s.ask(ctx, id, openScript, 0, args...)
	if err != nil {
		return false, err
	}
	outcome, err := r.text("outcome")
	found, err2 := r.text("life")
	if err := errors.Join(err, err2); err != nil {
		return false, classify("open", err)
	}
	if outcome == "differs" {
		return false, sale.Conflict("sale %s exists with another definition", id)
	}
	// Written last, and again where an earlier opening died in between.
	if err := s.client.SAdd(ctx, s.config.Prefix.Sales(), string(id)).Err(); err != nil {
		return false, fmt.Errorf("sale %s is made but not yet listed, open it again: %w: %w", id, sale.ErrUnknown, err)
	}
	return found == life, s.announce(ctx, id)
}

// Restock changes the sale's total by delta and returns the new total. key
// makes it idempotent: the same key and delta again change nothing. A delta
// that would take tickets from holds, or a key used for another delta, is
// [sale.ErrConflict].
func (s *Store) Restock(ctx context.Context, id sale.ID, delta int64, key string) (total int64, err error) {
	var outcome string
	_, err = s.insist(ctx, func() error {
		r, err := s.ask(ctx, id, restockScript, 0, delta, key, sale.MaxTotal)
		if err != nil {
			return err
		}
		var errs [2]error
		outcome, errs[0] = r.text("outcome")
		total, errs[1] = r.number("total")
		if err = errors.Join(errs[:]...); err != nil || outcome == "refused" {
			return classify("restock", err)
		}
		return s.announce(ctx, id)
	})
	if err != nil {
		return 0, err
	}
	if outcome == "refused" {
		return total, sale.Conflict("total stays %d: key used for another delta, or the change would reach below held and paid or above %d",
			total, sale.MaxTotal)
	}
	return total, nil
}

// SetClosed closes the sale or lets it sell again.
func (s *Store) SetClosed(ctx context.Context, id sale.ID, closed bool) error {
	_, err := s.insist(ctx, func() error {
		if _, err := s.ask(ctx, id, closeScript, 0, flag(closed)); err != nil {
			return err
		}
		return s.announce(ctx, id)
	})
	return err
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
