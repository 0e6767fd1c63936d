package strategy

import (
	"context"
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

// Buy implements Strategy. Where somebody changed the row while the statement waited for it, the last ticket went, perhaps to
// this very buyer's other request.
func (d decrement) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	return take(ctx, d, name, buyer, decrementSQL)
}
