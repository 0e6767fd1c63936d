package postgres

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"onsale/internal/ledger"
	"onsale/internal/sale"
)

const (
	// An event that is no part of the chain has the number 0, as others do.
	joinsSQL = `
INSERT INTO joins AS j (sale, epoch, seq, places) VALUES ($1, $2, $3, $4)
ON CONFLICT (sale, epoch, seq) DO UPDATE SET places = j.places || excluded.places`

	readJoinsSQL = `SELECT places FROM joins WHERE sale = $1 ORDER BY epoch, seq`

	markSQL = `SELECT epoch, seq, link FROM sales WHERE id = $1`
)

// joinsAtOnce is how many places a row has at most. Raised, a row takes more memory to write and read;
// lowered, a reconciliation writes more rows.
const joinsAtOnce = 10_000

func queueJoins(p *pgx.Batch, id sale.ID, b ledger.Batch) {
	if len(b.Joins) > 0 {
		p.Queue(joinsSQL, id, b.To.Epoch, b.To.Seq, packJoins(b.Joins))
	}
}

// queueUnited records the places that a union has and the record did not.
func queueUnited(p *pgx.Batch, id sale.ID, epoch int64, joins []sale.Placement) {
	row := int64(0)
	for chunk := range slices.Chunk(joins, joinsAtOnce) {
		row--
		p.Queue(joinsSQL, id, epoch, row, packJoins(chunk))
	}
}

func packJoins(joins []sale.Placement) []byte {
	b := make([]byte, 0, 32*len(joins))
	for _, j := range joins {
		b = append(append(append(append(b, j.Buyer...), '\n'), j.Place.String()...), '\n')
	}
	return b
}

var errJoins = errors.New("places of the line are malformed")

func unpackJoins(r *sale.Records, packed []byte) error {
	var joins []sale.Placement
	for len(packed) > 0 {
		buyer, rest, found := bytes.Cut(packed, []byte{'\n'})
		place, rest, ended := bytes.Cut(rest, []byte{'\n'})
		p, err := sale.ParsePlace(string(place))
		if !found || !ended || err != nil {
			return errJoins
		}
		joins, packed = append(joins, sale.Placement{Buyer: sale.Buyer(buyer), Place: p}), rest
	}
	r.Place(joins)
	return nil
}

func (s *Store) readJoins(ctx context.Context, tx pgx.Tx, id sale.ID, b *sale.Book) error {
	if err := tx.QueryRow(ctx, markSQL, id).Scan(&b.Mark.Epoch, &b.Mark.Seq, &b.Mark.Link); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, readJoinsSQL, id)
	if err != nil {
		return err
	}
	var packed []byte
	reader := s.Rest.Begin()
	_, err = pgx.ForEachRow(rows, []any{&packed}, func() error {
		return errors.Join(unpackJoins(&b.Records, packed), reader.Rest(ctx))
	})
	return err
}
