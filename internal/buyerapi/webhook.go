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
		return refuse(ctx, unbelieved(err), `,"reason":`, quote(err.Error()))
	}
	message, err := payment.Parse(ctx.PostBody())
	switch {
	case err != nil:
		return refuse(ctx, InvalidPayment, `,"reason":`, quote(err.Error()))
	case !message.Succeeded():
		return good(ctx, Ignored, []byte(`{"outcome":"ignored"}`))
	}
	name, p := message.Payment(id)
	desk, ok := h.sales.Desk(name)
	if !ok {
		return h.unknown(ctx)
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

func (h *Handler) pay(ctx *fasthttp.RequestCtx, desk *checkout.Desk, p sale.Payment) Answer {
	receipt, reading, err := h.orders.Pay(context.Background(), desk.Sale().ID, desk.Generation(), p)
	if reading.At != 0 {
		desk.Observe(reading)
	}
	switch {
	case errors.Is(err, sale.ErrNoOrder):
		return refuse(ctx, OrderUnknown)
	case errors.Is(err, sale.ErrConflict):
		return refuse(ctx, PaymentConflict, `,"reason":`, quote(err.Error()))
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
		h.log.Warn("a refund is due", zap.String("sale", string(desk.Sale().ID)), zap.String("order", string(p.Order)),
			zap.String("payment", string(p.ID)), zap.String("reason", string(receipt.Payment.Reason)))
	}
	body, err := json.Marshal(newReceiptDocument(a, desk.Sale(), receipt))
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
	Order   json.RawMessage `json:"order"`
}

func newReceiptDocument(a Answer, s *sale.Sale, r sale.Receipt) receiptDocument {
	return receiptDocument{
		Outcome: a.String(), Reason: r.Payment.Reason, Payment: r.Payment.ID, At: r.Payment.At.Time(),
		Order: appendOrder(nil, s, r.Order),
	}
}
