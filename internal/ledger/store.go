package ledger

import (
	"context"

	"onsale/internal/sale"
)

// Store is the record as far as a ledger reads and writes it; package postgres has one. Beside
// the errors that a method names it returns [ErrAway].
type Store interface {
	// Ping succeeds if the database answers.
	Ping(ctx context.Context) error
	// Selling returns how far the record goes of every sale that it has and that is not archived.
	Selling(ctx context.Context) (map[sale.ID]sale.Chain, error)
	// Position is how far the record of one sale goes, and whether the sale is archived. The
	// error is sale.ErrNoSale if the record does not have the sale.
	Position(ctx context.Context, id sale.ID) (c sale.Chain, archived bool, err error)
	// Commit writes a batch in one transaction, all of it or nothing, and returns once it is
	// on disk. token is the reader's lease. An empty batch raises the fence, and asks whether
	// the sale is known. The error is sale.ErrFenced if a reader with a higher token has
	// written, sale.ErrNoSale if the record does not have the sale and the batch does not
	// define it, ErrMoved if the record is not at the batch's first mark, and ErrRefused.
	Commit(ctx context.Context, id sale.ID, token sale.Generation, b Batch) error
}
