package checkout

import (
	"context"

	"onsale/internal/sale"
)

// supply draws for a desk that has run dry.
type supply struct {
	shop *Shop
	desk *Desk
}

// Draw ends overdue holds first, so that returned stock sells without any daemon.
func (p *supply) Draw(ctx context.Context, known sale.Generation, quantity int) (sale.Grant, error) {
	_, _, r, err := p.shop.store.Expire(ctx, p.desk.id, known, p.shop.config.Expire)
	if err != nil {
		return sale.Grant{}, err
	}
	if r.Remaining > 0 {
		own, all := p.shop.weight()
		g, err := p.shop.store.Draw(ctx, p.desk.id, known, quantity, own, all)
		if err != nil {
			return g, err
		}
		p.desk.note(g.Reading)
		return g, nil
	}
	p.desk.note(r)
	return sale.Grant{Reading: r, Outcome: sale.SoldOut}, nil
}
