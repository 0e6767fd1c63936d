package buyerapi

import "github.com/valyala/fasthttp"

// These are for tests.
var (
	DecodeOrder  = decodeOrder
	WriteProblem = writeProblem
)

// ServeJoins is Serve, and beside it answers a join that has proven what it has to with 200.
func (h *Handler) ServeJoins(path string) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if string(ctx.Path()) != path {
			h.Serve(ctx)
			return
		}
		seller, _ := h.sales.Seller("s")
		buyer, a := h.identify(ctx, seller)
		if a == OK && h.proven(ctx, seller, buyer) == OK {
			writeAnswer(ctx, OK, []byte("{}"))
		}
	}
}
