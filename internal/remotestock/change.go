package remotestock

import (
	"context"
	"errors"
	"fmt"

	"onsale/internal/sale"
)

// changeTries is how often a change is made anew where another operator was faster.
const changeTries = 5

// Change gives the sale other terms. change gets the definition as it is, Total being what
// the sale was opened with, and may be called again where another change came in between;
// its error is returned as it is. What must not change any more is [sale.ErrConflict], see
// lua/change.lua.
func (s *Store) Change(ctx context.Context, id sale.ID, change func(*sale.Sale) error) error {
	for range changeTries {
		was, err := s.definition(ctx, id)
		if err != nil {
			return err
		}
		is := was
		if err := change(&is); err != nil {
			return err
		}
		outcome, reason, err := s.change(ctx, was, is)
		switch {
		case err != nil:
			return err
		case outcome == "refused":
			return sale.Conflict("%s", reason)
		case outcome != "moved":
			return nil
		}
	}
	return sale.Conflict("others change the sale at the same time. Nothing was changed: try again")
}

func (s *Store) change(ctx context.Context, was, is sale.Sale) (outcome, reason string, err error) {
	var args []any
	old, next := was.Encode(), is.Encode()
	for i := 0; i < len(old); i += 2 {
		args = append(args, old[i], old[i+1], next[i+1])
	}
	_, err = s.insist(ctx, func() error {
		r, err := s.ask(ctx, was.ID, changeScript, 0, args...)
		if err != nil {
			return err
		}
		var errs [2]error
		outcome, errs[0] = r.text("outcome")
		reason, errs[1] = r.text("reason")
		if err = errors.Join(errs[:]...); err != nil || outcome == "refused" || outcome == "moved" {
			return classify("change", err)
		}
		return s.announce(ctx, was.ID)
	})
	if err != nil {
		return "", "", err
	}
	return outcome, reason, nil
}

// definition is the sale as it was opened and changed since.
func (s *Store) definition(ctx context.Context, id sale.ID) (sale.Sale, error) {
	r, err := s.ask(ctx, id, readScript, 0, bookNames...)
	if err != nil {
		return sale.Sale{}, unavailable(err)
	}
	fields, err := r.texts("sale")
	if err != nil {
		return sale.Sale{}, unavailable(classify("read", err))
	}
	d, err := byName(fields).sale()
	if err != nil {
		return d, fmt.Errorf("read: %w: %w", sale.ErrUnavailable, err)
	}
	return d, nil
}
