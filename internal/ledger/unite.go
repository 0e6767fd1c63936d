package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

// union is what the ledger shall hold of a sale after a reconciliation.
type union struct {
	sale.Records
	before sale.Records // what it held when it was read
	was    sale.Chain   // how far it went then
	chain  sale.Chain   // the epoch that begins, upon the last event of any record
	fence  string
	plan   string // in words, for operators
	at     sale.Instant
}

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

	unitePaymentsSQL = `
INSERT INTO payments AS p (sale, id, message, order_id, amount, currency, state, reason, heard_at, changed_at)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[])
ON CONFLICT (sale, id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
	changed_at = CASE WHEN p.state = excluded.state THEN p.changed_at ELSE excluded.changed_at END,
	message = excluded.message, heard_at = excluded.heard_at, order_id = excluded.order_id, amount = excluded.amount, currency = excluded.currency`

	uniteSaleSQL = `
UPDATE sales SET life = $2, epoch = $3, seq = $4, link = $2, closed = $5, closed_changed_at = $6, archived_at = NULL
WHERE id = $1 AND epoch < $3 AND life = $7 AND epoch = $8 AND seq = $9 AND link = $10`

	uniteRecordSQL = `INSERT INTO reconciliations (sale, epoch, fence, plan) VALUES ($1, $2, $3, $4)`
)

// Unite writes the union of a sale's records in one transaction, and has the record begin a
// new epoch. It returns [sale.ErrFenced], [ErrRefused], [ErrAway], and [sale.ErrStale] where
// the record has moved since it was read, or has begun this epoch already.
func (s *Store) Unite(ctx context.Context, id sale.ID, token sale.Generation, u union) error {
	b := u.changes()
	opened := u.Sale
	opened.ID, opened.Total = id, u.Opened
	err := s.write(ctx, func(tx pgx.Tx) error {
		p := &pgx.Batch{}
		queueFence(p, id, token)
		p.Queue(uniteDefinitionSQL, append([]any{id, opened.Closed, u.at.Time()}, values(&opened)...)...)
		queueRestocks(p, id, b.Restocks, uniteRestocksSQL)
		if err := tx.SendBatch(ctx, p).Close(); err != nil {
			return err
		}
		// Terminal states first: the index of live orders would refuse a buyer's new one
		// beside the one that it replaces.
		live := func(c Change) bool { return c.State.Live() }
		ended := func(c Change) bool { return !c.State.Live() }
		for _, orders := range [][]Change{slices.DeleteFunc(slices.Clone(b.Orders), live), slices.DeleteFunc(slices.Clone(b.Orders), ended)} {
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
		done, err := tx.Exec(ctx, uniteSaleSQL, id, u.chain.Life, u.chain.Epoch, u.chain.Seq, u.Sale.Closed, u.at.Time(),
			u.was.Life, u.was.Epoch, u.was.Seq, u.was.Link)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return fmt.Errorf("the ledger's record is no longer at event %d of epoch %d: %w", u.was.Seq, u.was.Epoch, sale.ErrStale)
		}
		_, err = tx.Exec(ctx, uniteRecordSQL, id, u.chain.Epoch, u.fence, u.plan)
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

func sendOrders(ctx context.Context, tx pgx.Tx, id sale.ID, orders []Change) error {
	p := &pgx.Batch{}
	if err := queueOrders(p, id, orders, uniteOrdersSQL); err != nil {
		return err
	}
	return tx.SendBatch(ctx, p).Close()
}

// changes is what the union has otherwise than the record. When a state came is kept where
// the record knows it; of other orders only the creation is known.
func (u union) changes() Batch {
	b := Batch{}
	for id, o := range u.Orders {
		if u.before.Orders[id] == o {
			continue
		}
		c := Change{Order: o, At: u.at}
		if o.Taken() {
			c.At = o.Created
		}
		b.Orders = append(b.Orders, c)
	}
	for id, p := range u.Payments {
		if u.before.Payments[id] != p {
			b.Payments = append(b.Payments, PaymentChange{p, u.at})
		}
	}
	for key, delta := range u.Restocks {
		if u.before.Restocks[key] != delta {
			b.Restocks = append(b.Restocks, sale.Restock{Key: key, Delta: delta})
		}
	}
	return b
}
