package ledger

import (
	"context"

	"onsale/internal/sale"
)

// Stream is where a sale's events wait.
type Stream interface {
	// Sales lists the sales that are not archived.
	Sales(ctx context.Context) ([]sale.ID, error)
	// News and Hot return the sales that operators have changed, and that buyers have asked for,
	// after a number, and the next number. lost: the number is not known any more, so anything
	// may have changed.
	News(ctx context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error)
	Hot(ctx context.Context, after int64) (ids []sale.ID, next int64, lost bool, err error)
	// Glances looks at many sales in few round trips, in the order of the ids.
	Glances(ctx context.Context, ids []sale.ID) ([]sale.Glance, []error)
	// Page returns at most limit entries after the one named, oldest first, and the sale's
	// chain at the same instant; after "" is the head. The error is sale.ErrNoSale where Redis
	// does not have the sale.
	Page(ctx context.Context, id sale.ID, after string, limit int) (sale.Page, error)
	// Forget records that the ledger has committed the chain up to this mark, and deletes
	// exactly these entries. Some may be gone already. The error is sale.ErrLost where Redis
	// has another chain.
	Forget(ctx context.Context, id sale.ID, committed sale.Chain, entries []string) error
	// Yielded reports whether an operator asks for the sale's lease.
	Yielded(ctx context.Context, id sale.ID) (bool, error)
	// Shut stops the sale until it is reconciled.
	Shut(ctx context.Context, id sale.ID, why string) error
}
