package buyerapi_test

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// freeOrder is an order as it is in a sale that costs nothing.
func freeOrder(c sale.Claim) sale.Order {
	return sale.Order{ID: c.Order, Buyer: c.Buyer, Quantity: c.Quantity, State: sale.StatePaid, Created: noon, Expires: noon}
}

// A free order had the deadline of a payment that nobody makes.
func TestAFreeOrderIsShownAsPaid(t *testing.T) {
	t.Parallel()
	s := &site{
		store: reads(func(d *sale.Sale, _ *sale.Reading) { d.Price = 0 }),
		remote: func(c sale.Claim) (sale.Decision, error) {
			return sale.Decision{Outcome: sale.Held, Order: freeOrder(c)}, nil
		},
	}
	a := s.serve(t).ask(t, "POST", "/v1/sales/s/orders", `{"quantity":3}`, bearer(token(t, "alice")))
	got := a.document(t)
	delete(got, "id")
	want := map[string]any{
		"sale": "s", "state": "paid", "quantity": json.Number("3"), "amount": json.Number("0"), "currency": "EUR",
		"created_at": "2042-05-01T12:00:00Z",
	}
	if diff := cmp.Diff(want, got); diff != "" || a.StatusCode != http.StatusCreated {
		t.Errorf("got %s, order (-want +got):\n%s", a.Status, diff)
	}
}

// An operator has changed the price, and this node has not read that yet: it would show an order
// that is paid with an amount, or one that is to be paid without.
func TestAPriceThatChangedIsReadBeforeAnOrderIsShown(t *testing.T) {
	t.Parallel()
	held := func(c sale.Claim) sale.Order { return orderOf(c) }
	for name, test := range map[string]struct {
		was, is int64
		order   func(sale.Claim) sale.Order
		fails   bool
		amount  json.Number // of two tickets; empty: nothing can be shown
	}{
		"to zero":                          {was: 4950, is: 0, order: freeOrder, amount: "0"},
		"from zero":                        {was: 0, is: 4950, order: held, amount: "9900"},
		"and can't be read":                {was: 0, is: 4950, order: held, fails: true},
		"not at all":                       {was: 4950, is: 4950, order: held, amount: "9900"},
		"not, and another version held it": {was: 0, is: 0, order: held, amount: "0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var changed, fails atomic.Bool
			var asked atomic.Int64
			s := &site{
				orders: orders{mine: func(sale.Buyer) (sale.Order, error) {
					return test.order(sale.Claim{Order: anOrder, Buyer: "alice", Quantity: 2}), nil
				}},
				remote: func(c sale.Claim) (sale.Decision, error) {
					changed.Store(true)
					fails.Store(test.fails)
					return sale.Decision{Outcome: sale.Held, Order: test.order(c)}, nil
				},
			}
			s.store.read = func(id sale.ID) (sale.Sale, sale.Reading, error) {
				d, r := definition(id), planned(10)
				if d.Price = test.was; changed.Load() {
					asked.Add(1)
					d.Price = test.is
				}
				if fails.Load() {
					return d, r, sale.ErrUnavailable
				}
				return d, r, nil
			}
			s.poll = time.Hour // so that the order alone shows the change
			a := s.serve(t)
			for i, got := range []answer{
				a.ask(t, "POST", "/v1/sales/s/orders", `{"quantity":2}`, bearer(token(t, "alice"))),
				a.ask(t, "GET", "/v1/sales/s/orders/mine", "", bearer(token(t, "alice"))),
			} {
				if test.amount == "" {
					// A read changes nothing, so its failure leaves nothing unknown.
					wantProblem(t, got, []buyerapi.Answer{buyerapi.OutcomeUnknown, buyerapi.StoreUnavailable}[i])
				} else if amount := got.document(t)["amount"]; amount != test.amount {
					t.Errorf("got %s %s, want the amount %s", got.Status, got.body, test.amount)
				}
			}
			if test.was == test.is && test.is > 0 && asked.Load() > 0 {
				t.Errorf("got the sale read %d times, want no reading where nothing shows a change", asked.Load())
			}
		})
	}
}
