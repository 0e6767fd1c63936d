package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/ledger"
	"onsale/internal/sale"
)

// Payments are written and read here alone: one more field of a payment is one more column,
// argument and value in this file.
const (
	// insertPaymentsSQL takes the sale, and a list for each column, see queuePayments.
	insertPaymentsSQL = `
INSERT INTO payments AS p (sale, id, message, order_id, amount, currency, state, reason, heard_at, changed_at, part_of)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[], $11::text[])
`

	paymentsSQL = insertPaymentsSQL + `ON CONFLICT (sale, id) DO UPDATE SET state = excluded.state, reason = excluded.reason, changed_at = excluded.changed_at,
	order_id = CASE WHEN (p.order_id, p.amount, p.currency, p.part_of) = (excluded.order_id, excluded.amount, excluded.currency, excluded.part_of) THEN p.order_id END
WHERE (p.order_id, p.amount, p.currency, p.part_of) <> (excluded.order_id, excluded.amount, excluded.currency, excluded.part_of)
	OR array_position(ARRAY['applied', 'due', 'settled'], p.state) < array_position(ARRAY['applied', 'due', 'settled'], excluded.state)`

	unitePaymentsSQL = insertPaymentsSQL + `ON CONFLICT (sale, id) DO UPDATE SET state = excluded.state, reason = excluded.reason,
	changed_at = CASE WHEN p.state = excluded.state THEN p.changed_at ELSE excluded.changed_at END,
	message = excluded.message, heard_at = excluded.heard_at, order_id = excluded.order_id, amount = excluded.amount, currency = excluded.currency,
	part_of = excluded.part_of`

	readPaymentsSQL = `SELECT id, message, order_id, amount, currency, state, reason, heard_at, changed_at, part_of FROM payments WHERE sale = $1`
)

func queuePayments(p *pgx.Batch, id sale.ID, payments []ledger.PaymentChange, statement string) {
	n := len(payments)
	ids, messages, orders, amounts := make([]string, n), make([]string, n), make([]string, n), make([]int64, n)
	currencies, states, reasons, of := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	reported, changed := make([]time.Time, n), make([]time.Time, n)
	for i, q := range payments {
		ids[i], messages[i], orders[i], amounts[i] = string(q.ID), string(q.Message), string(q.Order), q.Amount
		currencies[i], states[i], reasons[i], of[i] = q.Currency, string(q.State), string(q.Reason), string(q.Of)
		reported[i], changed[i] = q.At.Time(), q.Since.Time()
	}
	p.Queue(statement, id, ids, messages, orders, amounts, currencies, states, reasons, reported, changed, of)
}

func readPayments(ctx context.Context, tx pgx.Tx, id sale.ID, b *sale.Book) error {
	rows, err := tx.Query(ctx, readPaymentsSQL, id)
	if err != nil {
		return err
	}
	var p sale.Payment
	var recorded, changed time.Time
	into := []any{&p.ID, &p.Message, &p.Order, &p.Amount, &p.Currency, &p.State, &p.Reason, &recorded, &changed, &p.Of}
	_, err = pgx.ForEachRow(rows, into, func() error {
		p.At = instant(recorded)
		b.Payments[p.ID], b.PaymentsChanged[p.ID] = p, instant(changed)
		return nil
	})
	return err
}
