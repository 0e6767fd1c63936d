package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

// Book is all that the ledger holds of a sale at one instant. The error is [sale.ErrNoSale]
// where it holds nothing, and [ledger.ErrAway].
func (s *Store) Book(ctx context.Context, id sale.ID) (sale.Book, error) {
	b := sale.Book{Records: sale.NewRecords(), Changed: map[sale.OrderID]sale.Instant{}, PaymentsChanged: map[sale.PaymentID]sale.Instant{}}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, options, func(tx pgx.Tx) error {
		for _, read := range []func(context.Context, pgx.Tx, sale.ID, *sale.Book) error{readSale, readLined, s.readJoins, readRestocks, s.readOrders, readPayments} {
			if err := read(ctx, tx, id, &b); err != nil {
				return err
			}
		}
		return tx.QueryRow(ctx, `SELECT count(*) FROM unreadable WHERE sale = $1`, id).Scan(&b.Unreadable)
	})
	if err != nil {
		return sale.Book{}, fmt.Errorf("book of sale %s: %w", id, classify(err))
	}
	b.Sale.Total = b.Counters().Total
	return b, nil
}

func readSale(ctx context.Context, tx pgx.Tx, id sale.ID, b *sale.Book) error {
	rows, err := tx.Query(ctx, definitionSQL, id)
	if err != nil {
		return err
	}
	d, known := &b.Sale, false
	into := append([]any{&d.Closed}, values(d)...)
	if _, err := pgx.ForEachRow(rows, into, func() error { known = true; return nil }); err != nil {
		return err
	}
	if !known {
		return sale.ErrNoSale
	}
	d.ID, b.Opened = id, d.Total
	return nil
}

func readRestocks(ctx context.Context, tx pgx.Tx, id sale.ID, b *sale.Book) error {
	rows, err := tx.Query(ctx, `SELECT key, delta FROM restocks WHERE sale = $1`, id)
	if err != nil {
		return err
	}
	var key []byte
	var delta int64
	_, err = pgx.ForEachRow(rows, []any{&key, &delta}, func() error {
		b.Restocks[string(key)] = delta
		return nil
	})
	return err
}

// bookRows is after how many rows a reader rests.
const bookRows = 512

func (s *Store) readOrders(ctx context.Context, tx pgx.Tx, id sale.ID, b *sale.Book) error {
	rows, err := tx.Query(ctx, `SELECT id, buyer, quantity, state, created_at, expires_at, changed_at FROM orders WHERE sale = $1`, id)
	if err != nil {
		return err
	}
	var o sale.Order
	var u [16]byte
	var buyer []byte
	var created, expires, changed time.Time
	reader := s.Rest.Begin()
	_, err = pgx.ForEachRow(rows, []any{&u, &buyer, &o.Quantity, &o.State, &created, &expires, &changed}, func() error {
		o.ID, o.Buyer = sale.OrderID(uuid.UUID(u).String()), sale.Buyer(buyer)
		o.Created, o.Expires = instant(created), instant(expires)
		b.Orders[o.ID], b.Changed[o.ID] = o, instant(changed)
		if len(b.Orders)%bookRows == 0 {
			return reader.Rest(ctx)
		}
		return nil
	})
	return err
}

func instant(t time.Time) sale.Instant { return sale.Instant(t.UnixMilli()) }
