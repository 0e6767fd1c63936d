package strategy

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

var decrementEntry = Entry{
	Name:  "postgres-decrement",
	Title: "PostgreSQL, conditional decrement",
	About: "One statement, and so one round trip and one transaction: stock goes down where it is above 0 and the buyer " +
		"has no order, and the order is inserted if it did.",
	Durable: true,
	Stores:  Stores{Postgres: true},
	Make:    onPostgres(func(p *postgres, _ Config) Strategy { return decrement{p} }),
}

// decrement leaves the check to the update's own condition.
type decrement struct{ *postgres }

// decrementSQL also returns the stand of the snapshot that it began with, which
// decides without a lock or a write where the update found nothing to do.
const decrementSQL = `
WITH taken AS (
	UPDATE strategy.sales SET stock = stock - 1
	WHERE sale = $1 AND stock > 0
		AND NOT EXISTS (SELECT FROM strategy.orders WHERE sale = $1 AND buyer = $2)
	RETURNING sale
), made AS (
	INSERT INTO strategy.orders (id, sale, buyer) SELECT $3, sale, $2 FROM taken RETURNING id
)
SELECT s.stock, o.id, EXISTS (SELECT FROM made) FROM strategy.sales s
LEFT JOIN strategy.orders o ON o.sale = s.sale AND o.buyer = $2
WHERE s.sale = $1`

// Buy implements Strategy.
func (d decrement) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	// The pool's own QueryRow would not distinguish a wait for a connection, after which
	// nothing was sold, from one for an answer.
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return NoOutcome, "", read("connection", err)
	}
	id := newID()
	var s stand
	var made bool
	err = conn.QueryRow(ctx, decrementSQL, name, []byte(buyer), id).Scan(&s.stock, &s.order, &made)
	conn.Release()
	switch {
	case duplicate(err): // the buyer's other request was faster
	case errors.Is(err, pgx.ErrNoRows):
		return NoOutcome, "", read("take", err)
	case err != nil:
		return NoOutcome, "", wrote("take", err)
	case made:
		return Sold, id.String(), nil
	default:
		if o, order, decided := s.decide(); decided {
			return o, order, nil
		}
	}
	// Somebody changed the row while this statement waited for it: the last ticket
	// went, perhaps to this very buyer's other request. A new snapshot shows it.
	if s, err = d.look(ctx, name, buyer); err != nil {
		return NoOutcome, "", err
	}
	if o, order, decided := s.decide(); decided {
		return o, order, nil
	}
	return Conflict, "", nil
}
