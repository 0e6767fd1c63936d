package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"onsale/internal/audit"
	"onsale/internal/pause"
	"onsale/internal/sale"
	"onsale/internal/throttle"
)

// A difference counts only where it stands still: a ledger that commits between
// two reads can show one for a moment.
const (
	looks     = 3
	lookAgain = time.Second
)

// Audited is a sale as it was found.
type Audited struct {
	sale.Snapshot
	Book   *sale.Book // nil where no PostgreSQL was named
	Faults []string   // every difference that stood still, as text; empty is clean
}

// Audit compares Redis with itself and, where the flags name a PostgreSQL, the
// ledger with Redis, while the sale sells or rests; in pieces, with a rest after each. The errors are those of the
// stores, [sale.ErrNoSale] among them; broken promises are faults.
func Audit(ctx context.Context, at StoreFlags, id sale.ID, rest throttle.Rest, log *zap.Logger) (a Audited, err error) {
	s, err := openStores(ctx, at, rest, log)
	if err != nil {
		return Audited{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if a, err = s.audit(ctx, id); err != nil {
		return a, err
	}
	note := sale.Audited{At: time.Now().UTC(), Faults: len(a.Faults), Ledger: a.Book != nil, Sold: a.Counters.Held + a.Counters.Paid}
	if err := s.NoteAudit(ctx, id, note); err != nil {
		log.Warn("the audit is done, and could not be noted for the board", zap.String("sale", string(id)), zap.Error(err))
	}
	return a, nil
}

// Sales returns the ids of every sale that Redis or the ledger knows.
func Sales(ctx context.Context, at StoreFlags, log *zap.Logger) (_ []sale.ID, err error) {
	s, err := openStores(ctx, at, 0, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	ids, err := s.Sales(ctx)
	if err != nil || s.ledger == nil {
		return ids, err
	}
	kept, err := s.ledger.Sales(ctx)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	for _, id := range kept {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func (s *stores) audit(ctx context.Context, id sale.ID) (a Audited, err error) {
	for range looks {
		if a, err = s.look(ctx, id); err != nil || len(a.Faults) == 0 {
			return a, err
		}
		if !pause.For(ctx, lookAgain) {
			return a, ctx.Err()
		}
	}
	return a, nil
}

// look reads Redis first: what the ledger knows of later moments is then
// recognized by its times.
func (s *stores) look(ctx context.Context, id sale.ID) (a Audited, err error) {
	a.Snapshot, err = s.Snapshot(ctx, id)
	switch {
	case errors.Is(err, sale.ErrNoSale) && s.kept(ctx, id):
		return a, fmt.Errorf("the ledger has the sale and Redis has lost it, run onsale reconcile %s: %w", id, err)
	case err != nil:
		return a, err
	}
	a.Faults = audit.Stock(a.Snapshot)
	if s.ledger == nil {
		return a, nil
	}
	book, err := s.ledger.Book(ctx, id)
	switch {
	case errors.Is(err, sale.ErrNoSale):
		book = sale.Book{Records: sale.NewRecords()} // all of it is in flight, or missing
	case err != nil:
		return a, fmt.Errorf("ledger: %w", err)
	}
	a.Book = &book
	a.Faults = append(a.Faults, audit.Ledger(a.Snapshot, book)...)
	return a, nil
}

// kept reports whether the ledger knows the sale.
func (s *stores) kept(ctx context.Context, id sale.ID) bool {
	if s.ledger == nil {
		return false
	}
	_, err := s.ledger.Book(ctx, id)
	return err == nil
}
