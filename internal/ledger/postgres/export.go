package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

// OrderRow is an order, and the money of its payments in the sale's currency, in minor units.
type OrderRow struct {
	sale.Order
	Changed  sale.Instant   // when it came to its state
	Payment  sale.PaymentID // that pays the order, or paid it before its refund; empty: none
	PaidAt   sale.Instant   // when that was reported; 0: never
	Received int64          // whole payments, also those that bought nothing
	Due      int64          // of it, what has to go back
	Returned int64          // of it, what has gone back
	Currency string         // the sale's
}

// exportSQL brings the orders by id, which is by the time when a node made them. What is left of a payment that is due is
// the payment less its parts, which stand beside it with states of their own.
const exportSQL = `
SELECT o.id, o.buyer, o.quantity, o.state, o.created_at, o.expires_at, o.changed_at, s.currency,
	coalesce(p.payment, ''), p.paid_at, coalesce(p.received, 0)::bigint, coalesce(p.due, 0)::bigint, coalesce(p.returned, 0)::bigint
FROM orders o
JOIN sales s ON s.id = o.sale
LEFT JOIN (
	SELECT w.order_id, w.currency,
		min(w.id) FILTER (WHERE w.part_of = '' AND w.reason IN ('', 'refunded')) AS payment,
		min(w.heard_at) FILTER (WHERE w.part_of = '' AND w.reason IN ('', 'refunded')) AS paid_at,
		sum(w.amount) FILTER (WHERE w.part_of = '') AS received,
		sum(w.amount - coalesce(parts.amount, 0)) FILTER (WHERE w.state = 'due') AS due,
		sum(w.amount - coalesce(parts.amount, 0)) FILTER (WHERE w.state = 'settled') AS returned
	FROM payments w
	LEFT JOIN (SELECT part_of, sum(amount) AS amount FROM payments WHERE sale = $1 AND part_of <> '' GROUP BY part_of) parts ON parts.part_of = w.id
	WHERE w.sale = $1
	GROUP BY w.order_id, w.currency
) p ON p.order_id = o.id::text AND p.currency = s.currency
WHERE o.sale = $1
ORDER BY o.id`

// EachOrder calls each with every order that the ledger has of a sale, as they were at one instant. Orders come from
// PostgreSQL as they are taken, so any number needs the memory of one. It returns each's error, [sale.ErrNoSale], or [ledger.ErrAway].
func (s *Store) EachOrder(ctx context.Context, id sale.ID, each func(OrderRow) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		var known bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sales WHERE id = $1)`, id).Scan(&known); err != nil {
			return err
		}
		if !known {
			return sale.ErrNoSale
		}
		rows, err := tx.Query(ctx, exportSQL, id)
		if err != nil {
			return err
		}
		var u [16]byte
		var buyer []byte
		var created, expires, changed time.Time
		var paid *time.Time
		var r OrderRow
		into := []any{&u, &buyer, &r.Quantity, &r.State, &created, &expires, &changed, &r.Currency, &r.Payment, &paid, &r.Received, &r.Due, &r.Returned}
		_, err = pgx.ForEachRow(rows, into, func() error {
			r.ID, r.Buyer = sale.OrderID(uuid.UUID(u).String()), sale.Buyer(buyer)
			r.Created, r.Expires, r.Changed, r.PaidAt = instant(created), instant(expires), instant(changed), 0
			if paid != nil {
				r.PaidAt = instant(*paid)
			}
			return each(r)
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("orders of sale %s: %w", id, classify(err))
	}
	return nil
}
