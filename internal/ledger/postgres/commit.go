package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/ledger"
	"onsale/internal/sale"
)

// If a row exists and contradicts the batch, these statements set a NOT NULL column to
// NULL: PostgreSQL then refuses the whole transaction, and no contradiction passes in silence.
const (
	fenceSQL = `
INSERT INTO readers AS r (sale, token) VALUES ($1, $2)
ON CONFLICT (sale) DO UPDATE SET token = excluded.token WHERE r.token <= excluded.token`

	knownSQL = `SELECT true FROM sales WHERE id = $1`

	closedSQL = `UPDATE sales SET closed = $2, closed_changed_at = $3 WHERE id = $1 AND closed_changed_at <= $3`

	restocksSQL = `
INSERT INTO restocks AS r (sale, key, delta) SELECT $1, * FROM unnest($2::bytea[], $3::bigint[])
ON CONFLICT (sale, key) DO UPDATE SET delta = NULL WHERE r.delta <> excluded.delta`

	ordersSQL = `
INSERT INTO orders AS o (sale, id, buyer, quantity, state, created_at, expires_at, changed_at)
SELECT $1, * FROM unnest($2::uuid[], $3::bytea[], $4::integer[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[])
ON CONFLICT (id) DO UPDATE SET state = excluded.state, changed_at = excluded.changed_at,
	sale = CASE WHEN (o.sale, o.buyer, o.quantity) = (excluded.sale, excluded.buyer, excluded.quantity) THEN o.sale END
WHERE (o.sale, o.buyer, o.quantity) <> (excluded.sale, excluded.buyer, excluded.quantity)
	OR o.state = 'held' AND excluded.state <> 'held'
	OR o.state = 'paid' AND excluded.state = 'refunded'`

	changesSQL = `
INSERT INTO changes (sale, epoch, seq, at, definition) VALUES ($1, $2, $3, $4, $5::json) ON CONFLICT DO NOTHING`

	asideSQL = `
INSERT INTO unreadable (sale, entry, content, fault, at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (sale, entry) DO NOTHING`
)

// ordersAtOnce is how many orders one statement carries: a snapshot may hold a million, and
// each statement's arguments are in memory here and in PostgreSQL.
const ordersAtOnce = 5_000

// Commit writes a batch in one transaction, all of it or nothing, and returns once
// PostgreSQL has it on disk. token is the reader's lease. An empty batch raises the fence,
// and asks whether the sale is known.
//
// It returns [sale.ErrFenced] where a reader with a higher token has written,
// [sale.ErrNoSale] where the ledger does not know the sale and the batch does not define it,
// [ledger.ErrRefused] where the batch contradicts what is recorded, and [ledger.ErrAway], after which it
// may have been committed.
func (s *Store) Commit(ctx context.Context, id sale.ID, token sale.Generation, b ledger.Batch) error {
	pipeline, err := statements(id, token, b)
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	err = s.write(ctx, func(tx pgx.Tx) error { return tx.SendBatch(ctx, pipeline).Close() })
	if err != nil {
		return fmt.Errorf("commit: %w", classify(err))
	}
	return nil
}

// statements is the transaction's content, sent in one go. The order matters: the fence
// first, as it also makes a second reader wait; terminal orders before live ones.
func statements(id sale.ID, token sale.Generation, b ledger.Batch) (*pgx.Batch, error) {
	p := &pgx.Batch{}
	queueFence(p, id, token)
	if d := b.Opened; d != nil {
		p.Queue(openedSQL, append([]any{id, d.Closed, b.OpenedAt.Time()}, values(d)...)...)
	}
	p.Queue(knownSQL, id).QueryRow(func(row pgx.Row) error {
		var known bool
		if err := row.Scan(&known); errors.Is(err, pgx.ErrNoRows) {
			return sale.ErrNoSale
		} else if err != nil {
			return err
		}
		return nil
	})
	queueChain(p, id, b)
	if err := queueChanges(p, id, b.Changes); err != nil {
		return nil, err
	}
	if b.Closed != nil {
		p.Queue(closedSQL, id, *b.Closed, b.ClosedAt.Time())
	}
	queueRestocks(p, id, b.Restocks, restocksSQL)
	queueLined(p, id, b.Lined)
	queueJoins(p, id, b)
	live := func(c ledger.Change) bool { return c.State.Live() }
	ended := func(c ledger.Change) bool { return !c.State.Live() }
	for _, orders := range [][]ledger.Change{slices.DeleteFunc(slices.Clone(b.Orders), live), slices.DeleteFunc(slices.Clone(b.Orders), ended)} {
		for chunk := range slices.Chunk(orders, ordersAtOnce) {
			if err := queueOrders(p, id, chunk, ordersSQL); err != nil {
				return nil, err
			}
		}
	}
	for chunk := range slices.Chunk(b.Payments, ordersAtOnce) {
		queuePayments(p, id, chunk, paymentsSQL)
	}
	for _, a := range b.Quarantined {
		p.Queue(asideSQL, id, a.Entry, []byte(a.Content), []byte(a.Fault), a.At.Time())
	}
	return p, nil
}

// queueFence shows the reader's token, and has the transaction fail where a higher one has
// been shown.
func queueFence(p *pgx.Batch, id sale.ID, token sale.Generation) {
	p.Queue(fenceSQL, id, int64(token)).Exec(func(done pgconn.CommandTag) error {
		if done.RowsAffected() == 0 {
			return sale.ErrFenced
		}
		return nil
	})
}

// queueChain moves the record from one mark to another, or has the transaction fail.
func queueChain(p *pgx.Batch, id sale.ID, b ledger.Batch) {
	from, to := b.From, b.To
	if to.Life == "" {
		return
	}
	if from.Seq == 0 {
		p.Queue(beginChainSQL, id, from.Life, from.Epoch)
	}
	p.Queue(moveChainSQL, id, from.Life, from.Epoch, from.Seq, from.Link, to.Epoch, to.Seq, to.Link).Exec(func(done pgconn.CommandTag) error {
		if done.RowsAffected() == 0 {
			return ledger.ErrMoved
		}
		return nil
	})
}

// queueChanges records every change of a sale's terms, and the last as its definition.
func queueChanges(p *pgx.Batch, id sale.ID, changes []ledger.Redefinition) error {
	for _, c := range changes {
		terms := map[string]string{}
		for pair := range slices.Chunk(c.Encode(), 2) {
			terms[pair[0]] = pair[1]
		}
		text, err := json.Marshal(terms)
		if err != nil {
			return err
		}
		p.Queue(changesSQL, id, c.Mark.Epoch, c.Mark.Seq, c.At.Time(), string(text))
	}
	if n := len(changes); n > 0 {
		p.Queue(changedSQL, append([]any{id}, values(&changes[n-1].Sale)...)...)
	}
	return nil
}

func queueRestocks(p *pgx.Batch, id sale.ID, restocks []sale.Restock, statement string) {
	if len(restocks) == 0 {
		return
	}
	keys, deltas := make([][]byte, len(restocks)), make([]int64, len(restocks))
	for i, r := range restocks {
		keys[i], deltas[i] = []byte(r.Key), r.Delta
	}
	p.Queue(statement, id, keys, deltas)
}

func queueOrders(p *pgx.Batch, id sale.ID, orders []ledger.Change, statement string) error {
	n := len(orders)
	ids, buyers, quantities, states := make([][16]byte, n), make([][]byte, n), make([]int32, n), make([]string, n)
	created, expires, changed := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	for i, o := range orders {
		u, err := ledger.OrderUUID(o.ID)
		if err != nil {
			return err
		}
		ids[i], buyers[i], quantities[i], states[i] = u, []byte(o.Buyer), int32(o.Quantity), string(o.State)
		created[i], expires[i], changed[i] = o.Created.Time(), o.Expires.Time(), o.At.Time()
	}
	p.Queue(statement, id, ids, buyers, quantities, states, created, expires, changed)
	return nil
}
