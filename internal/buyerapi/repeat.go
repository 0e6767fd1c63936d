package buyerapi

import (
	"errors"

	"github.com/valyala/fasthttp"

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
func (h *Handler) former(ctx *fasthttp.RequestCtx, seller Seller, buyer sale.Buyer, quantity int, refusal sale.Decision) Answer {
	select {
	case h.lookups <- struct{}{}:
		defer func() { <-h.lookups }()
	default:
		return unsure(ctx, seller)
	}
	o, err := seller.FindLive(buyer)
	switch {
	case errors.Is(err, sale.ErrNoOrder):
		a := writeRefusal(ctx, seller, refusal)
		// The look-up took time, and the sold-out lease may have ended meanwhile.
		ctx.Response.Header.Del("X-Accel-Expires")
		return a
	case err != nil:
		return unsure(ctx, seller)
	case o.Quantity != quantity:
		return writeRefusal(ctx, seller, sale.Decision{Outcome: sale.AlreadyOrdered, Order: o})
	}
	return ordered(ctx, seller, Replayed, o)
}

// unsure is for a buyer of whom nobody knows whether he has an order.
func unsure(ctx *fasthttp.RequestCtx, seller Seller) Answer {
	return writeProblem(ctx, OutcomeUnknown, mineOf, string(seller.Sale().ID), mineOfEnd)
}
