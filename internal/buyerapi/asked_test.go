package buyerapi_test

import (
	"strings"
	"testing"

	"onsale/internal/buyerapi"
	"onsale/internal/sale"
)

// The detail for reads, cancels and webhooks was "nothing was ordered", and buyers who had paid
// were advised to cancel.
func TestAProblemsDetailFitsWhatWasAsked(t *testing.T) {
	t.Parallel()
	fails := func(err error) *site {
		return &site{
			remote:  decides(sale.Decision{}, err),
			secrets: payable().secrets,
			orders: orders{
				order: func(sale.OrderID) (sale.Order, error) { return sale.Order{}, err },
				mine:  func(sale.Buyer) (sale.Order, error) { return sale.Order{}, err },
				cancel: func(sale.OrderID, sale.Buyer) (sale.Order, sale.Reading, error) {
					return sale.Order{}, sale.Reading{}, err
				},
				pay: func(sale.ID, sale.Generation, sale.Payment) (sale.Receipt, sale.Reading, error) {
					return sale.Receipt{}, sale.Reading{}, err
				},
			},
		}
	}
	ordered := func(state sale.State) *site {
		return &site{remote: decides(sale.Decision{Outcome: sale.AlreadyOrdered, Order: sale.Order{ID: anOrder, Buyer: "alice", Quantity: 2, State: state}}, nil)}
	}
	alice := bearer(token(t, "alice"))
	get := func(a address) answer { return a.ask(t, "GET", theOrder, "", alice) }
	mine := func(a address) answer { return a.ask(t, "GET", "/v1/sales/s/orders/mine", "", alice) }
	cancel := func(a address) answer { return a.ask(t, "DELETE", theOrder, "", alice) }
	buy := func(a address) answer { return a.buy(t) }
	pays := func(a address) answer { return a.post(t, signed(ours, paying)) }
	for name, c := range map[string]struct {
		site *site
		call func(address) answer
		want buyerapi.Answer
		has  string
		not  string
	}{
		"a purchase without Redis":          {fails(sale.ErrUnavailable), buy, buyerapi.StoreUnavailable, "Nothing was ordered, but by an earlier try if this answer carries Onsale-Retried", ""},
		"an order without Redis":            {fails(sale.ErrUnavailable), get, buyerapi.StoreUnavailable, "Nothing could be read", "ordered"},
		"mine without Redis":                {fails(sale.ErrUnavailable), mine, buyerapi.StoreUnavailable, "Nothing could be read", "ordered"},
		"a cancel without Redis":            {fails(sale.ErrUnavailable), cancel, buyerapi.StoreUnavailable, "Nothing was cancelled, but by an earlier try if this answer carries Onsale-Retried", "ordered"},
		"a payment without Redis":           {fails(sale.ErrUnavailable), pays, buyerapi.StoreUnavailable, "The payment was not recorded", "stock"},
		"a sale before Redis has answered":  {&site{away: true}, func(a address) answer { return a.ask(t, "GET", "/v1/sales/s", "") }, buyerapi.StoreUnavailable, "Nothing could be read", "ordered"},
		"a purchase whose answer was lost":  {fails(sale.ErrUnknown), buy, buyerapi.OutcomeUnknown, "You may have an order", "cancelled"},
		"a cancel whose answer was lost":    {fails(sale.ErrUnknown), cancel, buyerapi.OutcomeUnknown, "Your order may be cancelled", "order twice"},
		"a purchase beside a held order":    {ordered(sale.StateHeld), buy, buyerapi.AlreadyOrdered, "Cancel it first", "paid"},
		"a purchase beside a paid order":    {ordered(sale.StatePaid), buy, buyerapi.AlreadyOrdered, "You have paid", "Cancel it first"},
		"a payment to a node that has none": {&site{}, pays, buyerapi.NotFound, "takes no payments", "/v1/sales/"},
		"a large payment":                   {fails(nil), func(a address) answer { return a.post(t, message{body: strings.Repeat("x", 9000)}) }, buyerapi.BodyTooLarge, "8 KB", "quantity"},
		"a large purchase":                  {fails(nil), func(a address) answer { return a.ask(t, "POST", "/v1/sales/s/orders", strings.Repeat("x", 9000)) }, buyerapi.BodyTooLarge, "quantity", ""},
		"a cancel of a part":                {fails(nil), func(a address) answer { return a.ask(t, "DELETE", theOrder, `{"quantity":1}`, alice) }, buyerapi.InvalidRequest, "nothing was cancelled", "quantity"},
		"a cancel with a large body":        {fails(nil), func(a address) answer { return a.ask(t, "DELETE", theOrder, strings.Repeat("x", 9000)) }, buyerapi.BodyTooLarge, "Send no body", "quantity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			detail, _ := wantProblem(t, c.call(c.site.serve(t)), c.want)["detail"].(string)
			if !strings.Contains(detail, c.has) || c.not != "" && strings.Contains(detail, c.not) {
				t.Errorf("got the detail %q, want %q in it and not %q", detail, c.has, c.not)
			}
		})
	}
}
