package buyerapi

import (
	"context"
	"strings"

	"github.com/valyala/fasthttp"

	"onsale/internal/sale"
)

// traced is buy where purchases are traced: as a span of the purchase, if this one is recorded.
func (h *Handler) traced(ctx *fasthttp.RequestCtx, seller Seller) Answer {
	header := &ctx.Request.Header
	place, end := h.hooks.Traced(seller.Sale().ID, unsafeString(header.PeekBytes(traceparent)))
	if place == nil {
		return h.buy(ctx, context.Background(), seller)
	}
	// The log names the trace by the request's header, also if it begins here.
	header.SetBytesK(traceparent, place.String())
	a := h.buy(ctx, sale.WithTrace(context.Background(), place), seller)
	id := header.PeekBytes(requestID)
	end(a.String(), a.Status(), strings.Clone(unsafeString(id[:min(len(id), longest)])))
	return a
}
