package buyerapi

import (
	"context"
	"errors"

	"github.com/valyala/fasthttp"

	"onsale/internal/checkout"
	"onsale/internal/sale"
)

// repeats is how many repeated purchases of sold-out sales a node looks up in Redis at once.
// Raised, clients that send Idempotency-Key with every purchase cost Redis more in a rush;
// lowered, more of those who lost an answer have to ask again.
const repeats = 16

// repeated reports whether the client may have an order already: it sends the key of its
// first try again. The key's value does not matter, as a buyer has one live order in a sale.
func repeated(ctx *fasthttp.RequestCtx) bool {
	return len(ctx.Request.Header.Peek("Idempotency-Key")) > 0
}

// short reports whether an outcome speaks of the stock, and not of the buyer's order.
func short(o sale.Outcome) bool { return o == sale.SoldOut || o == sale.NotEnough }

// former answers a repeated purchase for which too little stock is left: with the buyer's
// order if there is one, otherwise with the refusal. The token has been verified.
func (h *Handler) former(ctx *fasthttp.RequestCtx, desk *checkout.Desk, buyer sale.Buyer, quantity int, refusal sale.Decision) Answer {
	select {
	case h.lookups <- struct{}{}:
		defer func() { <-h.lookups }()
	default:
		return unsure(ctx, desk)
	}
	o, err := h.orders.OrderOf(context.Background(), desk.Sale().ID, buyer)
	switch {
	case errors.Is(err, sale.ErrNoOrder):
		a := refused(ctx, desk, refusal)
		// The look-up took time, and the sold-out lease may have ended meanwhile.
		ctx.Response.Header.Del("X-Accel-Expires")
		return a
	case err != nil:
		return unsure(ctx, desk)
	case o.Quantity != quantity:
		return refused(ctx, desk, sale.Decision{Outcome: sale.AlreadyOrdered, Order: o})
	}
	return ordered(ctx, desk, Replayed, o)
}

// unsure is for a buyer of whom nobody knows whether he has an order.
func unsure(ctx *fasthttp.RequestCtx, desk *checkout.Desk) Answer {
	return refuse(ctx, OutcomeUnknown, mineOf, string(desk.Sale().ID), mineOfEnd)
}
