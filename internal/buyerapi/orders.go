package buyerapi

import (
	"bytes"
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"onsale/internal/sale"
)

// find shows one order to its owner. "mine" is the live one.
func (h *Handler) find(ctx *fasthttp.RequestCtx, seller Seller, which string) Answer {
	if !h.load.enter(asking) {
		return writeProblem(ctx, Busy)
	}
	defer h.load.leave()
	buyer, a := h.identify(ctx, seller, urgent)
	if a != OK {
		return a
	}
	var o sale.Order
	var err error
	if which == "mine" {
		o, err = seller.FindLive(buyer)
	} else if id, ok := orderID(which); ok {
		o, err = seller.Find(id, buyer)
	} else {
		err = sale.ErrNoOrder
	}
	switch {
	case errors.Is(err, sale.ErrNoOrder):
		return writeProblem(ctx, OrderUnknown)
	case err != nil:
		// A read changes nothing, so its failure leaves nothing unknown.
		return writeProblem(ctx, StoreUnavailable)
	}
	return showOrder(ctx, OK, seller, o)
}

// cancel ends a hold of its owner; the stock returns with the same script.
func (h *Handler) cancel(ctx *fasthttp.RequestCtx, seller Seller, which string) Answer {
	if !h.load.enter(cancelling) {
		return writeProblem(ctx, Busy)
	}
	defer h.load.leave()
	buyer, a := h.identify(ctx, seller, urgent)
	if a != OK {
		return a
	}
	id, ok := orderID(which)
	if !ok {
		return writeProblem(ctx, OrderUnknown)
	}
	// A cancel of one ticket of two, for instance, must not become one of both.
	if body := bytes.TrimSpace(ctx.PostBody()); len(body) > 0 && string(body) != "{}" {
		return writeProblem(ctx, InvalidRequest)
	}
	o, err := seller.Cancel(id, buyer)
	if err != nil {
		return failed(ctx, seller, err)
	}
	return showOrder(ctx, OK, seller, o)
}

// urgent is what buyers ask who may have an order: it comes before purchases.
const urgent = true

// orderID accepts the one form that orders have, the canonical text of a UUID of version 7, so
// that guesses don't reach Redis. The id is a copy: s shares the request's memory.
func orderID(s string) (sale.OrderID, bool) {
	const form = "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx" // x: a digit
	if len(s) != len(form) {
		return "", false
	}
	for i := range len(form) {
		digit := '0' <= s[i] && s[i] <= '9' || 'a' <= s[i] && s[i] <= 'f'
		if form[i] == 'x' && !digit || form[i] != 'x' && s[i] != form[i] {
			return "", false
		}
	}
	return sale.OrderID(strings.Clone(s)), true
}

// showOrder writes an order as its owner sees it.
func showOrder(ctx *fasthttp.RequestCtx, a Answer, seller Seller, o sale.Order) Answer {
	s := seller.Sale()
	pay := ""
	if s.PayURL != "" {
		pay = s.PayURL.For(s, o, pageOf(ctx, s.ID))
	}
	var space [320]byte
	return writeAnswer(ctx, a, appendOrder(space[:0], s, o, pay))
}

// pageOf is the address of a sale's page, as the buyer's browser reaches this site.
func pageOf(ctx *fasthttp.RequestCtx, id sale.ID) string {
	scheme := "http://"
	if secure(ctx) {
		scheme = "https://"
	}
	return scheme + string(ctx.Host()) + "/sales/" + string(id)
}
