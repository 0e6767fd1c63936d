package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"onsale/internal/ledger"
	"onsale/internal/sale"
)

// A union overwrites states: it was decided, where the usual statements only let them move
// forward.
const (
	uniteOrdersSQL = `
INSERT INTO orders AS o (sale, id, buyer, quantity, state, created_at, expires_at, changed_at)
SELECT $1, * FROM unnest($2::uuid[], $3::bytea[], $4::integer[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])
ON CONFLICT (id) DO UPDATE SET state = excluded.state, expires_at = excluded.expires_at,
	changed_at = CASE WHEN o.state = excluded.state THEN o.changed_at ELSE excluded.changed_at END,
	buyer = excluded.buyer, quantity = excluded.quantity, created_at = excluded.created_at,
	sale = CASE WHEN o.sale = excluded.sale THEN o.sale END`

	uniteRestocksSQL = `
INSERT INTO restocks AS r (sale, key, delta) SELECT $1, * FROM unnest($2::bytea[], $3::bigint[])
ON CONFLICT (sale, key) DO UPDATE SET delta = excluded.delta`

	uniteSaleSQL = `
UPDATE sales SET life = $2, epoch = $3, seq = $4, link = $2, closed = $5, closed_changed_at = $6, archived_at = NULL
WHERE id = $1 AND epoch < $3 AND life = $7 AND epoch = $8 AND seq = $9 AND link = $10`

	uniteRecordSQL = `INSERT INTO reconciliations (sale, epoch, fence, plan) VALUES ($1, $2, $3, $4)`
)

// Unite writes the union of a sale's records in one transaction, and has the record begin a
// new epoch. It returns [sale.ErrFenced], [ledger.ErrRefused], [ledger.ErrAway], and [sale.ErrStale] where
// the record has moved since it was read, or has begun this epoch already.
func (s *Store) Unite(ctx context.Context, id sale.ID, token sale.Generation, u ledger.Union) error {
	b := u.Changes()
	opened := u.Sale
	opened.ID, opened.Total = id, u.Opened
	err := s.write(ctx, func(tx pgx.Tx) error {
		p := &pgx.Batch{}
		queueFence(p, id, token)
		p.Queue(uniteDefinitionSQL, append([]any{id, opened.Closed, u.At.Time()}, values(&opened)...)...)
		queueRestocks(p, id, b.Restocks, uniteRestocksSQL)
		queueLined(p, id, u.Lined)
		queueUnited(p, id, u.Chain.Epoch, b.Joins)
		if err := tx.SendBatch(ctx, p).Close(); err != nil {
			return err
		}
		// Terminal states first: the index of live orders would refuse a buyer's new one
		// beside the one that it replaces.
		live := func(c ledger.Change) bool { return c.State.Live() }
		ended := func(c ledger.Change) bool { return !c.State.Live() }
		for _, orders := range [][]ledger.Change{slices.DeleteFunc(slices.Clone(b.Orders), live), slices.DeleteFunc(slices.Clone(b.Orders), ended)} {
			for chunk := range slices.Chunk(orders, ordersAtOnce) {
				if err := sendOrders(ctx, tx, id, chunk); err != nil {
					return err
				}
			}
		}
		for chunk := range slices.Chunk(b.Payments, ordersAtOnce) {
			p := &pgx.Batch{}
			queuePayments(p, id, chunk, unitePaymentsSQL)
			if err := tx.SendBatch(ctx, p).Close(); err != nil {
				return err
			}
		}
		done, err := tx.Exec(ctx, uniteSaleSQL, id, u.Chain.Life, u.Chain.Epoch, u.Chain.Seq, u.Sale.Closed, u.At.Time(),
			u.Was.Life, u.Was.Epoch, u.Was.Seq, u.Was.Link)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return fmt.Errorf("the ledger's record is no longer at event %d of epoch %d: %w", u.Was.Seq, u.Was.Epoch, sale.ErrStale)
		}
		_, err = tx.Exec(ctx, uniteRecordSQL, id, u.Chain.Epoch, u.Fence, u.Plan)
		return err
	})
	if errors.Is(err, sale.ErrStale) || errors.Is(err, sale.ErrFenced) {
		return fmt.Errorf("unite: %w", err)
	}
	if err != nil {
		return fmt.Errorf("unite: %w", classify(err))
	}
	return nil
}

func sendOrders(ctx context.Context, tx pgx.Tx, id sale.ID, orders []ledger.Change) error {
	p := &pgx.Batch{}
	if err := queueOrders(p, id, orders, uniteOrdersSQL); err != nil {
		return err
	}
	return tx.SendBatch(ctx, p).Close()
}
