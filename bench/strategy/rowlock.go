package strategy

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

var rowLockEntry = Entry{
	Name:  "postgres-row-lock",
	Title: "PostgreSQL, SELECT … FOR UPDATE",
	About: "A transaction locks the sale's row, checks stock and buyer in the program, then writes both and commits. " +
		"A plain read before it spares buyers the lock where it can't help them.",
	Durable: true,
	Stores:  Stores{Postgres: true},
	Make:    onPostgres(func(p *postgres, _ Config) Strategy { return rowLock{p} }),
}

// rowLock sells one ticket after the other: the transaction that has the sale's row keeps it
// until the commit is on disk.
type rowLock struct{ *postgres }

// Buy implements Strategy.
func (r rowLock) Buy(ctx context.Context, name, buyer string) (Outcome, string, error) {
	s, err := r.look(ctx, name, buyer)
	if err != nil {
		return NoOutcome, "", err
	}
	if o, order, decided := s.decide(); decided {
		return o, order, nil
	}
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return NoOutcome, "", read("connection", err)
	}
	// A connection that is still in a transaction, after an error, is not reused:
	// the pool closes it, and PostgreSQL rolls back.
	defer conn.Release()
	if s, err = lock(ctx, conn, name, buyer); err != nil {
		return NoOutcome, "", read("lock", err)
	}
	if o, order, decided := s.decide(); decided {
		if _, err := conn.Exec(ctx, "rollback"); err != nil {
			return NoOutcome, "", read("rollback", err)
		}
		return o, order, nil
	}
	id := newID()
	b := &pgx.Batch{}
	b.Queue(`UPDATE strategy.sales SET stock = stock - 1 WHERE sale = $1`, name)
	b.Queue(`INSERT INTO strategy.orders (id, sale, buyer) VALUES ($1, $2, $3)`, id, name, []byte(buyer))
	b.Queue("commit")
	if err := conn.SendBatch(ctx, b).Close(); err != nil {
		return NoOutcome, "", wrote("commit", err)
	}
	return Sold, id.String(), nil
}

// lock begins a transaction that has the sale's row, in one round trip. The
// buyer's order is read by a statement of its own: each sees what was committed
// when it began, and the lock's began before the wait.
func lock(ctx context.Context, conn *pgxpool.Conn, name, buyer string) (s stand, err error) {
	b := &pgx.Batch{}
	b.Queue("begin")
	b.Queue(`SELECT stock FROM strategy.sales WHERE sale = $1 FOR UPDATE`, name).
		QueryRow(func(row pgx.Row) error { return row.Scan(&s.stock) })
	b.Queue(`SELECT id FROM strategy.orders WHERE sale = $1 AND buyer = $2`, name, []byte(buyer)).
		QueryRow(func(row pgx.Row) error {
			if err := row.Scan(&s.order); !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			s.order = pgtype.UUID{}
			return nil
		})
	return s, conn.SendBatch(ctx, b).Close()
}
