package buyerapi

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"onsale/internal/payment"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// WebhookPath is where payment providers send their messages.
const WebhookPath = "/v1/payments/webhook"

// webhook takes a payment provider's message. Whatever it is, sent again it changes
// nothing: providers repeat a message until it is accepted. Money that
// buys nothing is accepted too, or it would be sent for days.
func (h *Handler) webhook(ctx *fasthttp.RequestCtx) Answer {
	if len(h.secrets) == 0 {
		return writeProblem(ctx, NotFound)
	}
	if !ctx.IsPost() {
		return notAllowed(ctx, "POST")
	}
	if !h.load.enter(paying) {
		return writeProblem(ctx, Busy)
	}
	defer h.load.leave()
	now, ok := h.sales.Now()
	if !ok {
		return writeProblem(ctx, StoreUnavailable)
	}
	header := &ctx.Request.Header
	id, err := h.secrets.Verify(payment.Headers{
		ID: header.Peek(payment.HeaderID), Timestamp: header.Peek(payment.HeaderTimestamp), Signature: header.Peek(payment.HeaderSignature),
	}, ctx.PostBody(), now)
	if err != nil {
		return writeProblem(ctx, webhookProblem(err), `,"reason":`, problem.Quote(err.Error()))
	}
	message, err := payment.Parse(ctx.PostBody())
	switch {
	case err != nil:
		return writeProblem(ctx, InvalidPayment, `,"reason":`, problem.Quote(err.Error()))
	case !message.Read():
		return writeAnswer(ctx, Ignored, []byte(`{"outcome":"ignored"}`))
	}
	name, p := message.Payment(id)
	p.At = now
	seller, ok := h.sales.Seller(name)
	if !ok {
		return h.orphan(ctx, name, p)
	}
	return h.pay(ctx, seller, p)
}

// webhookProblem is the answer to a message that Verify refused.
func webhookProblem(err error) Answer {
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
		return writeProblem(ctx, StoreUnavailable)
	}
	receipt, err := h.sales.Orphan(id, p)
	return h.received(ctx, &sale.Sale{ID: id}, receipt, err)
}

func (h *Handler) pay(ctx *fasthttp.RequestCtx, seller Seller, p sale.Payment) Answer {
	receipt, err := seller.Pay(p)
	return h.received(ctx, seller.Sale(), receipt, err)
}

// received answers with what became of a payment.
func (h *Handler) received(ctx *fasthttp.RequestCtx, s *sale.Sale, receipt sale.Receipt, err error) Answer {
	switch {
	case errors.Is(err, sale.ErrConflict):
		return writeProblem(ctx, PaymentConflict, `,"reason":`, problem.Quote(err.Error()))
	case errors.Is(err, sale.ErrUnavailable):
		return writeProblem(ctx, StoreUnavailable)
	case err != nil:
		return writeProblem(ctx, PaymentUnknown)
	}
	a := Paid
	switch p := receipt.Payment; {
	case p.Of != "" || p.Reason == sale.ReasonReturned:
		a = Recorded
	case p.State != sale.PaymentApplied:
		a = RefundDue
	}
	if receipt.Replayed {
		ctx.Response.Header.Set("Idempotent-Replayed", "true")
	} else if a != Paid {
		h.note(ctx, s, receipt.Payment)
	}
	body, err := json.Marshal(newReceiptDocument(a, s, receipt))
	if err != nil {
		panic(err) // texts, numbers and times always have a JSON form
	}
	return writeAnswer(ctx, a, body)
}

// note logs and counts money that did not pay an order, or that went back.
func (h *Handler) note(ctx *fasthttp.RequestCtx, s *sale.Sale, p sale.Payment) {
	fields := identified(ctx,
		zap.String("sale", string(s.ID)), zap.String("order", string(p.Order)),
		zap.String("payment", string(p.ID)), zap.String("reason", string(p.Reason)))
	if p.Of != "" {
		fields = append(fields, zap.String("of", string(p.Of)), zap.Int64("amount", p.Amount))
	}
	switch {
	case p.Reason == sale.ReasonDisputed:
		if h.hooks.Disputed != nil {
			h.hooks.Disputed()
		}
		h.log.Warn("a payment is disputed: its order stays as it is unless an operator refunds it", fields...)
	case p.State == sale.PaymentSettled && (p.Of != "" || p.Reason == sale.ReasonReturned):
		h.log.Info("money went back", fields...)
	default:
		if p.Reason == sale.ReasonOrphan && h.hooks.Orphan != nil {
			h.hooks.Orphan()
		}
		h.log.Warn("a refund is due", fields...)
	}
}

// receiptDocument is the answer to a provider about a payment.
type receiptDocument struct {
	Outcome string          `json:"outcome"` // paid, refund-due or recorded
	Reason  sale.Reason     `json:"reason,omitempty"`
	Payment sale.PaymentID  `json:"payment"`
	Part    sale.PaymentID  `json:"part,omitempty"` // the refund or dispute, where the message is of one
	At      time.Time       `json:"received_at"`
	Order   json.RawMessage `json:"order,omitempty"` // absent where no record has it
}

func newReceiptDocument(a Answer, s *sale.Sale, r sale.Receipt) receiptDocument {
	d := receiptDocument{Outcome: a.String(), Reason: r.Payment.Reason, Payment: r.Payment.ID, At: r.Payment.At.Time()}
	if r.Payment.Of != "" {
		d.Payment, d.Part = r.Payment.Of, r.Payment.ID
	}
	if r.Order.ID != "" {
		d.Order = appendOrder(nil, s, r.Order, "")
	}
	return d
}
