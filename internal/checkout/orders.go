package checkout

import (
	"context"
	"errors"
	"fmt"

	"onsale/internal/sale"
)

// Orders is what Redis does with orders and payments. Each call bounds its own time, so none
// has a context: those of requests end when a server shuts down, and what was under way then
// would end unanswered.
type Orders interface {
	Order(ctx context.Context, id sale.ID, order sale.OrderID) (sale.Order, error)
	OrderOf(ctx context.Context, id sale.ID, buyer sale.Buyer) (sale.Order, error)
	Cancel(ctx context.Context, id sale.ID, known sale.Generation, order sale.OrderID, buyer sale.Buyer) (sale.Order, sale.Reading, error)
	// Pay takes a payment, or a part of one that went back.
	Pay(ctx context.Context, id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error)
	// Orphan does the same for a sale that nobody knows.
	Orphan(ctx context.Context, id sale.ID, p sale.Payment) (sale.Receipt, error)
}

// Find returns a buyer's order, to which the price in [Seller.Sale] fits then. The error is
// [sale.ErrNoOrder], also where it is another buyer's, or of the infrastructure.
func (s *Seller) Find(order sale.OrderID, buyer sale.Buyer) (sale.Order, error) {
	o, err := s.orders.Order(context.Background(), s.id, order)
	if err == nil && o.Buyer != buyer {
		return sale.Order{}, sale.ErrNoOrder
	}
	return s.shown(o, err)
}

// FindLive returns the buyer's live order, with the errors of Find.
func (s *Seller) FindLive(buyer sale.Buyer) (sale.Order, error) {
	return s.shown(s.orders.OrderOf(context.Background(), s.id, buyer))
}

// shown is an order with the seller knowing its price, see [Seller.priced].
func (s *Seller) shown(o sale.Order, err error) (sale.Order, error) {
	if err == nil {
		err = s.priced(o)
	}
	return o, err
}

// Cancel ends a buyer's hold, whose stock returns with it. The error is [sale.ErrNoOrder],
// [sale.ErrConflict] where the order is no hold any more, or of the infrastructure;
// sale.ErrUnknown leaves open whether it has ended.
func (s *Seller) Cancel(order sale.OrderID, buyer sale.Buyer) (sale.Order, error) {
	o, r, err := s.orders.Cancel(context.Background(), s.id, s.Generation(), order, buyer)
	s.learned(r)
	return s.shown(o, err)
}

// Pay records a payment, or a part of one that went back, and returns what became of it. The
// error is [sale.ErrConflict] where it came before with another content, or of the
// infrastructure.
func (s *Seller) Pay(p sale.Payment) (sale.Receipt, error) {
	receipt, r, err := s.orders.Pay(context.Background(), s.id, s.Generation(), p)
	s.learned(r)
	return receipt, err
}

// learned takes the reading of the stock in the reply of a call, if there was one.
func (s *Seller) learned(r sale.Reading) {
	if r.At != 0 {
		s.Observe(r)
	}
}

// Orphan records a payment for a sale that nobody knows, with the errors of [Seller.Pay]. Once it is an
// orphan it pays no order any more, so Redis is asked first: a sale that is new here, or that can't be
// read, is [sale.ErrUnavailable], and the provider sends the payment again.
func (c *Catalog) Orphan(id sale.ID, p sale.Payment) (sale.Receipt, error) {
	switch _, _, err := c.store.Read(context.Background(), id, 0); {
	case c.Unread(id):
		return sale.Receipt{}, fmt.Errorf("%w: sale %s can't be read", sale.ErrUnavailable, id)
	case err == nil:
		return sale.Receipt{}, fmt.Errorf("%w: sale %s is not known here yet", sale.ErrUnavailable, id)
	case !errors.Is(err, sale.ErrNoSale):
		return sale.Receipt{}, fmt.Errorf("%w: %v", sale.ErrUnavailable, err)
	}
	return c.orders.Orphan(context.Background(), id, p)
}
