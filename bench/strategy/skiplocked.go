package strategy

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

var skipLockedEntry = Entry{
	Name:  "postgres-skip-locked",
	Title: "PostgreSQL, SKIP LOCKED over ticket rows",
	About: "A row for each ticket. One statement takes the first that nobody has locked (FOR UPDATE SKIP LOCKED LIMIT 1) and " +
		"inserts the order with its number, so that buyers commit beside each other.",
	Durable: true,
	Stores:  Stores{Postgres: true},
	Make: func(ctx context.Context, c Config) (Strategy, error) {
		p, err := newPostgres(ctx, c)
		if err != nil {
			return nil, err
		}
		if _, err := p.pool.Exec(ctx, ticketsSQL); err != nil {
			return nil, errors.Join(fmt.Errorf("postgres tables: %w", err), p.Close())
		}
		return skipLocked{p}, nil
	},
}

// skipLocked sells rows. The table has those that are left: a ticket that is sold moves to
// the order's row. So the one index that a buyer searches has nothing but free tickets.
// A sale's own row is never written after its opening.
type skipLocked struct{ *postgres }

// ticketsSQL has rows vacuumed soon: until then every buyer steps over those of tickets that were sold.
const ticketsSQL = `
SELECT pg_advisory_xact_lock(721093546);
CREATE TABLE IF NOT EXISTS strategy.tickets (
	sale   text   NOT NULL,
	number bigint NOT NULL,
	PRIMARY KEY (sale, number)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`

// takeRowSQL also returns whether its snapshot has tickets, taken ones of transactions under
// way included: those may come back. ORDER BY has it use the index, whatever the
// statistics say; min does in the last part.
const takeRowSQL = `
WITH free AS (
	SELECT sale, number FROM strategy.tickets
	WHERE sale = $1 AND NOT EXISTS (SELECT FROM strategy.orders WHERE sale = $1 AND buyer = $2)
	ORDER BY number LIMIT 1 FOR UPDATE %s
), taken AS (
	DELETE FROM strategy.tickets t USING free WHERE t.sale = free.sale AND t.number = free.number RETURNING t.number
), made AS (
	INSERT INTO strategy.orders (id, sale, buyer, ticket) SELECT $3, $1, $2, number FROM taken RETURNING id
)
SELECT CASE WHEN (SELECT min(number) FROM strategy.tickets WHERE sale = $1) IS NULL THEN 0 ELSE 1 END, o.id,
	EXISTS (SELECT FROM made) FROM strategy.sales s
LEFT JOIN strategy.orders o ON o.sale = s.sale AND o.buyer = $2
WHERE s.sale = $1`

// The last tickets may all be locked by transactions that then fail. A buyer who finds
// none but locked ones waits for those: "sold out" would not be true yet.
var (
	takeFreeSQL = fmt.Sprintf(takeRowSQL, "SKIP LOCKED")
	takeLastSQL = fmt.Sprintf(takeRowSQL, "")
)

// Open implements Strategy. The plans for a table that was empty would be kept without ANALYZE.
func (k skipLocked) Open(ctx context.Context, name string, total int64) error {
	err := pgx.BeginFunc(ctx, k.pool, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `INSERT INTO strategy.sales (sale, stock) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, total)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return sale.ErrConflict
		}
		_, err = tx.Exec(ctx, `INSERT INTO strategy.tickets (sale, number) SELECT $1, generate_series(1, $2::bigint)`, name, total)
		return err
	})
	if errors.Is(err, sale.ErrConflict) {
		return fmt.Errorf("open %s: %w", name, err)
	}
	if err != nil {
		return wrote("open", err)
	}
	if _, err := k.pool.Exec(ctx, `ANALYZE strategy.tickets`); err != nil {
		return wrote("analyze", err)
	}
	return nil
}

// Buy implements Strategy. Whoever had the last tickets has committed once the second statement is over.
func (k skipLocked) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	return take(ctx, k, name, buyer, takeFreeSQL, takeLastSQL)
}

// look is postgres's, with the rows as the stock: 1 if there are any.
func (k skipLocked) look(ctx context.Context, name, buyer string) (s stand, err error) {
	err = k.pool.QueryRow(ctx, `
SELECT CASE WHEN (SELECT min(number) FROM strategy.tickets WHERE sale = $1) IS NULL THEN 0 ELSE 1 END, o.id
FROM strategy.sales s LEFT JOIN strategy.orders o ON o.sale = s.sale AND o.buyer = $2
WHERE s.sale = $1`, name, []byte(buyer)).Scan(&s.stock, &s.order)
	return s, read("look", err)
}

// Remaining implements Strategy.
func (k skipLocked) Remaining(ctx context.Context, name string) (n int64, err error) {
	err = k.pool.QueryRow(ctx, `
SELECT (SELECT count(*) FROM strategy.tickets t WHERE t.sale = s.sale) FROM strategy.sales s WHERE s.sale = $1`, name).Scan(&n)
	return n, read("remaining", err)
}

// Orders implements Strategy. It is an error if two orders have one ticket, or one has a ticket
// that is on sale or never was: to count orders would not find that.
func (k skipLocked) Orders(ctx context.Context, name string) ([]Order, error) {
	var wrong int64
	err := k.pool.QueryRow(ctx, `
SELECT count(o.id) - count(DISTINCT o.ticket) FILTER (WHERE o.ticket BETWEEN 1 AND s.stock AND t.number IS NULL)
FROM strategy.sales s LEFT JOIN strategy.orders o ON o.sale = s.sale
LEFT JOIN strategy.tickets t ON t.sale = o.sale AND t.number = o.ticket
WHERE s.sale = $1 GROUP BY s.sale`, name).Scan(&wrong)
	if err != nil {
		return nil, read("orders", err)
	}
	if wrong != 0 {
		return nil, fmt.Errorf("orders: %d have a ticket that is another's, still on sale, or none of the sale's: look at strategy.orders and strategy.tickets", wrong)
	}
	return k.postgres.Orders(ctx, name)
}
