package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"onsale/internal/sale"
)

const (
	// What a line goes by only ever rises, or is set once: see [sale.LineRecord.Raise].
	linedSQL = `
UPDATE sales SET front = greatest(front, $2), drawn = coalesce(drawn, $3),
	list = CASE WHEN list = '' THEN $4 ELSE list END,
	beacon_value = CASE WHEN beacon_value = '' THEN $5 ELSE beacon_value END
WHERE id = $1`

	readLinedSQL = `SELECT front, drawn, list, beacon_value FROM sales WHERE id = $1`
)

func queueLined(p *pgx.Batch, id sale.ID, l sale.LineRecord) {
	if l == (sale.LineRecord{}) {
		return
	}
	var drawn *int64
	if l.Frozen {
		drawn = &l.Drawn
	}
	p.Queue(linedSQL, id, l.Front, drawn, []byte(l.List), []byte(l.BeaconValue))
}

func readLined(ctx context.Context, tx pgx.Tx, id sale.ID, b *sale.Book) error {
	l := &b.Lined
	var drawn *int64
	err := tx.QueryRow(ctx, readLinedSQL, id).Scan(&l.Front, &drawn, (*octets)(&l.List), (*octets)(&l.BeaconValue))
	if drawn != nil {
		l.Frozen, l.Drawn = true, *drawn
	}
	return err
}
