package buyerapi

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"onsale/internal/checkout"
	"onsale/internal/payment"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// WebhookPath is where payment providers send their messages.
const WebhookPath = "/v1/payments/webhook"

// hear takes a payment provider's message. Whatever it is, sent again it changes
// nothing: providers repeat what they have had no good answer to. Money that
// buys nothing is a good answer too, or it would be told for days.
func (h *Handler) hear(ctx *fasthttp.RequestCtx) Answer {
	if len(h.secrets) == 0 {
		return refuse(ctx, NotFound)
	}
	if !ctx.IsPost() {
		return notAllowed(ctx, "POST")
	}
	now, ok := h.sales.Now()
	if !ok {
		return refuse(ctx, StoreUnavailable)
	}
	header := &ctx.Request.Header
	id, err := h.secrets.Verify(payment.Headers{
		ID: header.Peek(payment.HeaderID), Timestamp: header.Peek(payment.HeaderTimestamp), Signature: header.Peek(payment.HeaderSignature),
	}, ctx.PostBody(), now)
	if err != nil {
		return refuse(ctx, unbelieved(err), `,"reason":`, problem.Quote(err.Error()))
	}
	message, err := payment.Parse(ctx.PostBody())
	switch {
	case err != nil:
		return refuse(ctx, InvalidPayment, `,"reason":`, problem.Quote(err.Error()))
	case !message.Succeeded():
		return good(ctx, Ignored, []byte(`{"outcome":"ignored"}`))
	}
	name, p := message.Payment(id)
	p.At = now
	desk, ok := h.sales.Desk(name)
	if !ok {
		return h.orphan(ctx, name, p)
	}
	return h.pay(ctx, desk, p)
}

// unbelieved is the answer to a message that Verify refused.
func unbelieved(err error) Answer {
	switch {
	case errors.Is(err, payment.ErrTooLarge):
		return BodyTooLarge
	case errors.Is(err, payment.ErrTooOld), errors.Is(err, payment.ErrTooNew):
		return WebhookExpired
	case errors.Is(err, payment.ErrSignature):
		return WebhookSignature
	}
	return WebhookMalformed
}

// orphan takes a payment for a sale that this node does not know. Money came, so that
// is recorded, unless the sale may be a new one.
func (h *Handler) orphan(ctx *fasthttp.RequestCtx, id sale.ID, p sale.Payment) Answer {
	if !h.sales.Ready() {
		return refuse(ctx, StoreUnavailable)
	}
	receipt, err := h.orders.Orphan(context.Background(), id, p)
	return h.received(ctx, &sale.Sale{ID: id}, receipt, err)
}

func (h *Handler) pay(ctx *fasthttp.RequestCtx, desk *checkout.Desk, p sale.Payment) Answer {
	receipt, reading, err := h.orders.Pay(context.Background(), desk.Sale().ID, desk.Generation(), p)
	if reading.At != 0 {
		desk.Observe(reading)
	}
	return h.received(ctx, desk.Sale(), receipt, err)
}

// received answers with what became of a payment.
func (h *Handler) received(ctx *fasthttp.RequestCtx, s *sale.Sale, receipt sale.Receipt, err error) Answer {
	switch {
	case errors.Is(err, sale.ErrConflict):
		return refuse(ctx, PaymentConflict, `,"reason":`, problem.Quote(err.Error()))
	case errors.Is(err, sale.ErrUnavailable):
		return refuse(ctx, StoreUnavailable)
	case err != nil:
		return refuse(ctx, PaymentUnknown)
	}
	a := Paid
	if receipt.Payment.State != sale.PaymentApplied {
		a = RefundDue
	}
	if receipt.Replayed {
		ctx.Response.Header.Set("Idempotent-Replayed", "true")
	} else if a == RefundDue {
		if receipt.Payment.Reason == sale.ReasonOrphan && h.hooks.Orphan != nil {
			h.hooks.Orphan()
		}
		h.log.Warn("a refund is due", zap.String("sale", string(s.ID)), zap.String("order", string(receipt.Payment.Order)),
			zap.String("payment", string(receipt.Payment.ID)), zap.String("reason", string(receipt.Payment.Reason)))
	}
	body, err := json.Marshal(newReceiptDocument(a, s, receipt))
	if err != nil {
		panic(err) // texts, numbers and times always have a JSON form
	}
	return good(ctx, a, body)
}

// receiptDocument is what a provider is told of a payment.
type receiptDocument struct {
	Outcome string          `json:"outcome"` // paid or refund-due
	Reason  sale.Reason     `json:"reason,omitempty"`
	Payment sale.PaymentID  `json:"payment"`
	At      time.Time       `json:"received_at"`
	Order   json.RawMessage `json:"order,omitempty"` // absent where no record has it
}

func newReceiptDocument(a Answer, s *sale.Sale, r sale.Receipt) receiptDocument {
	d := receiptDocument{Outcome: a.String(), Reason: r.Payment.Reason, Payment: r.Payment.ID, At: r.Payment.At.Time()}
	if r.Order.ID != "" {
		d.Order = appendOrder(nil, s, r.Order)
	}
	return d
}
