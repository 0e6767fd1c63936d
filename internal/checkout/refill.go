package checkout

import (
	"context"

	"onsale/internal/sale"
)

// refill fills the local stock of a seller that has run dry.
type refill struct {
	catalog *Catalog
	seller  *Seller
}

// Refill also ends overdue holds, so that returned stock sells without any daemon.
func (r *refill) Refill(ctx context.Context, known sale.Generation, quantity int) (sale.Grant, error) {
	own, all := r.catalog.weight()
	g, err := r.catalog.store.Refill(ctx, r.seller.id, known, r.catalog.config.Expire, quantity, own, all)
	if err == nil {
		r.seller.note(g.Reading)
	}
	return g, err
}
