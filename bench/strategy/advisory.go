package strategy

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

var advisoryEntry = Entry{
	Name:  "postgres-advisory",
	Title: "PostgreSQL, advisory lock",
	About: "pg_advisory_xact_lock of the sale, then check, update and order, all in one round trip and one transaction. " +
		"A plain read before it spares buyers the lock where it can't help them.",
	Durable: true,
	Stores:  Stores{Postgres: true},
	Make:    onPostgres(func(p *postgres, _ Config) Strategy { return advisory{p, advisoryLockSQL} }),
}

// advisory sells one ticket after the other, as rowLock does, but buyers wait for a lock in
// PostgreSQL's memory, which no table has a trace of.
type advisory struct {
	*postgres
	lock string
}

// advisoryLockSQL has a key of two numbers: no key of one number is ever equal to it. Two
// sales whose hashes are equal wait for each other, which costs time and nothing else.
const advisoryLockSQL = `SELECT pg_advisory_xact_lock(721093547, hashtext($1))`

// takeLockedSQL rests on the lock alone: its update does not look at the stock again. Its
// snapshot is of after the lock, as each statement has its own.
const takeLockedSQL = `
WITH free AS (
	SELECT sale FROM strategy.sales
	WHERE sale = $1 AND stock > 0
		AND NOT EXISTS (SELECT FROM strategy.orders WHERE sale = $1 AND buyer = $2)
), taken AS (
	UPDATE strategy.sales s SET stock = s.stock - 1 FROM free WHERE s.sale = free.sale RETURNING s.sale
), made AS (
	INSERT INTO strategy.orders (id, sale, buyer) SELECT $3, sale, $2 FROM taken RETURNING id
)
SELECT s.stock, o.id, EXISTS (SELECT FROM made) FROM strategy.sales s
LEFT JOIN strategy.orders o ON o.sale = s.sale AND o.buyer = $2
WHERE s.sale = $1`

// Buy implements Strategy.
func (a advisory) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	s, err := a.look(ctx, name, buyer)
	if err != nil {
		return NoOutcome, "", err
	}
	if o, order, decided := s.decide(); decided {
		return o, order, nil
	}
	conn, err := a.pool.Acquire(ctx)
	if err != nil {
		return NoOutcome, "", read("connection", err)
	}
	defer conn.Release()
	id := newID()
	var made bool
	// Without a BEGIN a batch is a transaction: it ends, and the lock with it, at the
	// batch's end, and no error leaves the connection in one.
	b := &pgx.Batch{}
	b.Queue(a.lock, name)
	b.Queue(takeLockedSQL, name, []byte(buyer), id).
		QueryRow(func(row pgx.Row) error { return row.Scan(&s.stock, &s.order, &made) })
	err = conn.SendBatch(ctx, b).Close()
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return NoOutcome, "", read("take", err)
	case err != nil:
		return NoOutcome, "", wrote("take", err)
	case made:
		return Sold, id.String(), nil
	}
	if o, order, decided := s.decide(); decided {
		return o, order, nil
	}
	return Conflict, "", nil // never under the lock: nothing but stock and orders keeps a ticket from a buyer
}
