package strategy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/sale"
)

// postgres is what the strategies in PostgreSQL share: everything but how a ticket
// is taken. One row a sale carries its stock; a unique index keeps a buyer to one order.
type postgres struct{ pool *pgxpool.Pool }

// schemaSQL leaves most of each page of sales empty, so that the updates of one
// row stay on its page and touch no index. There is no foreign key: it would lock
// the very row that everybody waits for. The lock is for processes that start together.
const schemaSQL = `
SELECT pg_advisory_xact_lock(721093546);
CREATE SCHEMA IF NOT EXISTS strategy;
CREATE TABLE IF NOT EXISTS strategy.sales (
	sale    text   PRIMARY KEY,
	stock   bigint NOT NULL,
	version bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 10);
CREATE TABLE IF NOT EXISTS strategy.orders (
	id     uuid        PRIMARY KEY,
	sale   text        NOT NULL,
	buyer  bytea       NOT NULL,
	at     timestamptz NOT NULL DEFAULT clock_timestamp(),
	ticket bigint,     -- its number, where tickets are rows
	UNIQUE (sale, buyer)
)`

// onPostgres makes a strategy that sells in one of these.
func onPostgres(strategy func(*postgres, Config) Strategy) func(context.Context, Config) (Strategy, error) {
	return func(ctx context.Context, c Config) (Strategy, error) {
		p, err := newPostgres(ctx, c)
		if err != nil {
			return nil, err
		}
		return strategy(p, c), nil
	}
}

// newPostgres connects and makes the tables where they are missing. Statements are
// prepared on first use, once a connection, which is pgx's default.
func newPostgres(ctx context.Context, c Config) (*postgres, error) {
	if err := c.Validate(Stores{Postgres: true}); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(c.Postgres)
	if err != nil {
		return nil, fmt.Errorf("postgres URL: %w", err)
	}
	config.MaxConns, config.MinConns = int32(c.PostgresPool), int32(c.PostgresPool)
	// An acknowledged order has been fsynced, whatever the server's default is.
	config.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if _, err := pool.Exec(ctx, schemaSQL); err != nil {
		pool.Close()
		return nil, fmt.Errorf("postgres tables: %w", err)
	}
	return &postgres{pool: pool}, nil
}

// Close implements Strategy.
func (p *postgres) Close() error {
	p.pool.Close()
	return nil
}

// Open implements Strategy.
func (p *postgres) Open(ctx context.Context, name string, total int64) error {
	done, err := p.pool.Exec(ctx, `INSERT INTO strategy.sales (sale, stock) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, total)
	if err != nil {
		return wrote("open", err)
	}
	if done.RowsAffected() == 0 {
		return fmt.Errorf("open %s: %w", name, sale.ErrConflict)
	}
	return nil
}

// Remaining implements Strategy.
func (p *postgres) Remaining(ctx context.Context, name string) (stock int64, err error) {
	err = p.pool.QueryRow(ctx, `SELECT stock FROM strategy.sales WHERE sale = $1`, name).Scan(&stock)
	return stock, read("remaining", err)
}

// Orders implements Strategy.
func (p *postgres) Orders(ctx context.Context, name string) ([]Order, error) {
	if _, err := p.Remaining(ctx, name); err != nil {
		return nil, err
	}
	rows, err := p.pool.Query(ctx, `SELECT id, buyer, at FROM strategy.orders WHERE sale = $1`, name)
	if err != nil {
		return nil, read("orders", err)
	}
	orders, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o Order, err error) {
		var id pgtype.UUID
		var buyer []byte
		err = row.Scan(&id, &buyer, &o.At)
		o.ID, o.Buyer, o.At = id.String(), string(buyer), o.At.UTC()
		return o, err
	})
	return orders, read("orders", err)
}

// stand is how things are for one buyer, in one snapshot.
type stand struct {
	stock, version int64
	order          pgtype.UUID // the buyer's; not valid where there is none
}

// decide returns the outcome if the stand alone decides it. Nobody's ticket comes back, so
// a snapshot without stock and without an order of the buyer's stays true.
func (s stand) decide() (o Outcome, order string, decided bool) {
	switch {
	case s.order.Valid:
		return Replayed, s.order.String(), true
	case s.stock <= 0:
		return SoldOut, "", true
	}
	return NoOutcome, "", false
}

// look reads the stand without waiting for anybody's lock.
func (p *postgres) look(ctx context.Context, name, buyer string) (s stand, err error) {
	err = p.pool.QueryRow(ctx, `
SELECT s.stock, s.version, o.id FROM strategy.sales s
LEFT JOIN strategy.orders o ON o.sale = s.sale AND o.buyer = $2
WHERE s.sale = $1`, name, []byte(buyer)).Scan(&s.stock, &s.version, &s.order)
	return s, read("look", err)
}

// take tries statements, each of which takes a ticket and makes the order, until one decides. Each returns the stock, the buyer's order if
// there is one, and whether it made that.
func take(ctx context.Context, t taker, name, buyer string, statements ...string) (Outcome, string, error) {
	for _, statement := range statements {
		if o, order, err := t.takeOnce(ctx, name, buyer, statement); o != NoOutcome || err != nil {
			return o, order, err
		}
	}
	// Others have changed what the snapshot of the last statement showed. A new one shows that.
	s, err := t.look(ctx, name, buyer)
	if err != nil {
		return NoOutcome, "", err
	}
	if o, order, decided := s.decide(); decided {
		return o, order, nil
	}
	return Conflict, "", nil
}

// taker is a strategy that decides by one statement.
type taker interface {
	look(ctx context.Context, name, buyer string) (stand, error)
	takeOnce(ctx context.Context, name, buyer, statement string) (Outcome, string, error)
}

// takeOnce tries one. NoOutcome without an error: its snapshot does not decide why there was none to take.
func (p *postgres) takeOnce(ctx context.Context, name, buyer, statement string) (Outcome, string, error) {
	// The pool's own QueryRow would not distinguish a wait for a connection, after which
	// nothing was sold, from one for an answer.
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return NoOutcome, "", read("connection", err)
	}
	id := newID()
	var s stand
	var made bool
	err = conn.QueryRow(ctx, statement, name, []byte(buyer), id).Scan(&s.stock, &s.order, &made)
	conn.Release()
	switch {
	case duplicate(err): // the buyer's other request was faster, and its order is there
		return NoOutcome, "", nil
	case errors.Is(err, pgx.ErrNoRows):
		return NoOutcome, "", read("take", err)
	case err != nil:
		return NoOutcome, "", wrote("take", err)
	case made:
		return Sold, id.String(), nil
	}
	o, order, _ := s.decide()
	return o, order, nil
}

// newID makes an order's id: sorted by time, so that the index grows at its end.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// duplicate reports whether the statement failed because the buyer has an order.
func duplicate(err error) bool {
	var reported *pgconn.PgError
	return errors.As(err, &reported) && reported.Code == "23505"
}

// read wraps the failure of what changes nothing, so that nothing was sold.
func read(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return fmt.Errorf("%s: %w", what, sale.ErrNoSale)
	}
	return fmt.Errorf("%s: %w: %w", what, sale.ErrUnavailable, err)
}

// wrote wraps the failure of what may have been committed. Only proof counts as
// no: the statement was never sent, or PostgreSQL reported that it failed, and not
// because it was just shutting down.
func wrote(what string, err error) error {
	var reported *pgconn.PgError
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || pgconn.SafeToRetry(err) || errors.As(err, &reported) && !strings.HasPrefix(reported.Code, "57") {
		return fmt.Errorf("%s: %w: %w", what, sale.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w: %w", what, sale.ErrUnknown, err)
}
