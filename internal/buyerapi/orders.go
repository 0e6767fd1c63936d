package buyerapi

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"onsale/internal/checkout"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// find shows one order to its owner. "mine" is the live one.
func (h *Handler) find(ctx *fasthttp.RequestCtx, desk *checkout.Desk, which string) Answer {
	buyer, a := h.identify(ctx, desk)
	if a != OK {
		return a
	}
	var o sale.Order
	var err error
	if which == "mine" {
		o, err = h.orders.OrderOf(context.Background(), desk.Sale().ID, buyer)
	} else if id, ok := orderID(which); !ok {
		err = sale.ErrNoOrder
	} else if o, err = h.orders.Order(context.Background(), desk.Sale().ID, id); err == nil && o.Buyer != buyer {
		err = sale.ErrNoOrder
	}
	switch {
	case errors.Is(err, sale.ErrNoOrder):
		return refuse(ctx, OrderUnknown)
	case err != nil:
		// A read changes nothing, so its failure leaves nothing unknown.
		return refuse(ctx, StoreUnavailable)
	}
	return showOrder(ctx, OK, desk, o)
}

// cancel ends a hold of its owner; the stock returns with the same script.
func (h *Handler) cancel(ctx *fasthttp.RequestCtx, desk *checkout.Desk, which string) Answer {
	buyer, a := h.identify(ctx, desk)
	if a != OK {
		return a
	}
	id, ok := orderID(which)
	if !ok {
		return refuse(ctx, OrderUnknown)
	}
	// A cancel of one ticket of two, say, must not become one of both.
	if body := bytes.TrimSpace(ctx.PostBody()); len(body) > 0 && string(body) != "{}" {
		return refuse(ctx, InvalidRequest)
	}
	o, reading, err := h.orders.Cancel(context.Background(), desk.Sale().ID, desk.Generation(), id, buyer)
	if reading.At != 0 {
		desk.Observe(reading)
	}
	if err != nil {
		return failed(ctx, desk, err)
	}
	return showOrder(ctx, OK, desk, o)
}

// identify returns the token's buyer and OK, or what it has answered instead.
func (h *Handler) identify(ctx *fasthttp.RequestCtx, desk *checkout.Desk) (sale.Buyer, Answer) {
	// Redis time, like everything else. Without it no token is good or bad.
	now, ok := desk.Now()
	if !ok {
		return "", refuse(ctx, StoreUnavailable)
	}
	scheme, token, found := strings.Cut(string(ctx.Request.Header.Peek("Authorization")), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", unauthorized(ctx)
	}
	buyer, err := h.verifier.Verify(strings.TrimSpace(token), now.Time())
	if err != nil {
		return "", unauthorized(ctx, `,"reason":`, problem.Quote(err.Error()))
	}
	return buyer, OK
}

func unauthorized(ctx *fasthttp.RequestCtx, members ...string) Answer {
	ctx.Response.Header.Set("WWW-Authenticate", `Bearer realm="onsale"`)
	return refuse(ctx, Unauthorized, members...)
}

// orderID accepts the one form that orders have, so that guesses don't reach Redis.
func orderID(s string) (sale.OrderID, bool) {
	if len(s) != 36 {
		return "", false
	}
	id, err := uuid.Parse(s)
	canonical := id.String()
	return sale.OrderID(canonical), err == nil && id.Version() == 7 && canonical == s
}

// showOrder writes an order as its owner sees it. Whoever must pay is never told that it costs
// nothing, nor the other way round.
func showOrder(ctx *fasthttp.RequestCtx, a Answer, desk *checkout.Desk, o sale.Order) Answer {
	if err := desk.Priced(o); err != nil {
		return unsure(ctx, desk)
	}
	return good(ctx, a, appendOrder(make([]byte, 0, 256), desk.Sale(), o))
}
