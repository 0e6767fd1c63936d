package buyerapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// slow are orders whose calls last until they are let go, or their context ends.
type slow struct {
	*orders
	called chan struct{}
	let    chan struct{}
}

func (s *slow) call(ctx context.Context) error {
	s.called <- struct{}{}
	select {
	case <-ctx.Done():
		return errors.Join(sale.ErrUnavailable, ctx.Err())
	case <-s.let:
		return nil
	}
}

func (s *slow) Order(ctx context.Context, sold sale.ID, id sale.OrderID) (sale.Order, error) {
	if err := s.call(ctx); err != nil {
		return sale.Order{}, err
	}
	return s.orders.Order(ctx, sold, id)
}

func (s *slow) OrderOf(ctx context.Context, sold sale.ID, buyer sale.Buyer) (sale.Order, error) {
	if err := s.call(ctx); err != nil {
		return sale.Order{}, err
	}
	return s.orders.OrderOf(ctx, sold, buyer)
}

func (s *slow) Cancel(ctx context.Context, sold sale.ID, known sale.Generation, id sale.OrderID, buyer sale.Buyer) (sale.Order, sale.Reading, error) {
	if err := s.call(ctx); err != nil {
		return sale.Order{}, sale.Reading{}, err
	}
	return s.orders.Cancel(ctx, sold, known, id, buyer)
}

// A request's own context is cancelled when the server shuts down, so a read or cancel that
// was under way then was answered 503.
func TestAShutdownFinishesTheCallsUnderWay(t *testing.T) {
	t.Parallel()
	for name, call := range map[string][2]string{
		"an order by its id": {"GET", theOrder},
		"mine":               {"GET", "/v1/sales/s/orders/mine"},
		"a cancel":           {"DELETE", theOrder},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := keeping(sale.StateHeld)
			calls := &slow{orders: &s.orders, called: make(chan struct{}, 1), let: make(chan struct{})}
			s.calls = calls
			server := buyerapi.NewServer(s.open(t).handler, time.Minute)
			c := listen(t, server).dial(t)
			answered := make(chan answer, 1)
			go func() { answered <- c.send(t, call[0], raw(call[0], call[1], "", bearer(token(t, "alice")))) }()
			<-calls.called
			ended := make(chan error, 1)
			go func() { ended <- server.Shutdown() }()
			select {
			case got := <-answered:
				t.Fatalf("got %s %s while Redis had not answered, want the call to go on", got.Status, got.body)
			case <-time.After(100 * time.Millisecond): // by then the server has closed its listener and ended its context
			}
			close(calls.let)
			if got := <-answered; got.StatusCode != http.StatusOK {
				t.Errorf("got %s %s, want 200", got.Status, got.body)
			}
			if err := <-ended; err != nil {
				t.Errorf("the server ended with %v", err)
			}
		})
	}
}
