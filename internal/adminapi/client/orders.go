package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"

	"onsale/internal/adminapi"
	"onsale/internal/sale"
)

// Order shows an order, whosever it is, with all of its payments.
func (c Client) Order(ctx context.Context, id sale.ID, order sale.OrderID) (o adminapi.Order, err error) {
	path := pathTo("sales", string(id), "orders", string(order))
	o, _, err = read[adminapi.Order](ctx, c, http.MethodGet, path, nil)
	for err == nil && o.Next != "" {
		var more adminapi.Order
		more, _, err = read[adminapi.Order](ctx, c, http.MethodGet, path+"?cursor="+url.QueryEscape(o.Next), nil)
		o.Payments, o.Next = append(o.Payments, more.Payments...), more.Next
	}
	return o, err
}

// RefundOrder ends a paid order: its tickets go back on sale, and what is left of its payment is due to go back. The
// answer has the first page of the order's payments.
func (c Client) RefundOrder(ctx context.Context, id sale.ID, order sale.OrderID) (o adminapi.Order, err error) {
	return c.refund(ctx, id, order, nil)
}

// RefundPart has amount minor units of a paid order's payment go back, once for each key; the order stays. The key becomes
// the id of this part, which the payment provider is given.
func (c Client) RefundPart(ctx context.Context, id sale.ID, order sale.OrderID, amount int64, key string) (o adminapi.Order, err error) {
	body, err := json.Marshal(map[string]int64{"amount": amount})
	if err != nil {
		return o, err
	}
	return c.refund(ctx, id, order, body, "Idempotency-Key", key)
}

func (c Client) refund(ctx context.Context, id sale.ID, order sale.OrderID, body []byte, header ...string) (o adminapi.Order, err error) {
	o, _, err = read[adminapi.Order](ctx, c, http.MethodPost, pathTo("sales", string(id), "orders", string(order), "refund"), body, header...)
	return o, err
}

// Refunds lists a sale's payments in a state, oldest first, at most limit, or all if that is 0. "" is those that are due to
// go back.
func (c Client) Refunds(ctx context.Context, id sale.ID, state sale.PaymentState, limit int) iter.Seq2[adminapi.Payment, error] {
	return pages[adminapi.Payment](ctx, c, pathTo("sales", string(id), "refunds"), "refunds", stateOf(state), limit)
}

// SettleRefund notes that the money of a payment that was due has gone back.
func (c Client) SettleRefund(ctx context.Context, id sale.ID, payment sale.PaymentID) (p adminapi.Payment, err error) {
	p, _, err = read[adminapi.Payment](ctx, c, http.MethodPost, pathTo("sales", string(id), "refunds", string(payment)), settled)
	return p, err
}

// Orphans lists the payments for sales that nobody knows, as Refunds does.
func (c Client) Orphans(ctx context.Context, state sale.PaymentState, limit int) iter.Seq2[adminapi.Orphan, error] {
	return pages[adminapi.Orphan](ctx, c, pathTo("orphans"), "orphans", stateOf(state), limit)
}

// SettleOrphan notes that the money of such a payment has gone back.
func (c Client) SettleOrphan(ctx context.Context, payment sale.PaymentID) (o adminapi.Orphan, err error) {
	o, _, err = read[adminapi.Orphan](ctx, c, http.MethodPost, pathTo("orphans", string(payment)), settled)
	return o, err
}

// settled is what a call that settles a payment sends.
var settled = []byte(`{"state":"settled"}`)

func stateOf(state sale.PaymentState) url.Values {
	if state == "" {
		return url.Values{}
	}
	return url.Values{"state": {string(state)}}
}
