package buyerapi

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/checkout"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// buy is a purchase. What is public comes before the token, and nothing but a
// local hit leaves memory.
func (h *Handler) buy(ctx *fasthttp.RequestCtx, desk *checkout.Desk) Answer {
	if err := desk.Wanted(); err != nil {
		return refuse(ctx, StoreUnavailable)
	}
	public := desk.Precheck()
	again := short(public) && repeated(ctx)
	if public != sale.Undecided && !again {
		return refused(ctx, desk, sale.Decision{Outcome: public})
	}
	buyer, a := h.identify(ctx, desk)
	if a != OK {
		return a
	}
	quantity, err := decodeOrder(ctx.PostBody())
	if err != nil {
		return refuse(ctx, InvalidRequest, `,"reason":`, problem.Quote(err.Error()))
	}
	if limit := desk.Sale().Limit; quantity > limit {
		return refuse(ctx, QuantityLimit, `,"limit":`, strconv.Itoa(limit))
	}
	if again {
		return h.former(ctx, desk, buyer, quantity, sale.Decision{Outcome: public})
	}
	start := time.Now()
	a = h.bought(ctx, desk, buyer, quantity)
	if h.hooks.Bought != nil {
		h.hooks.Bought(a, time.Since(start))
	}
	return a
}

func (h *Handler) bought(ctx *fasthttp.RequestCtx, desk *checkout.Desk, buyer sale.Buyer, quantity int) Answer {
	d, err := desk.Buy(context.Background(), buyer, quantity)
	if err != nil {
		return failed(ctx, desk, err)
	}
	if short(d.Outcome) && repeated(ctx) {
		return h.former(ctx, desk, buyer, quantity, d)
	}
	a := outcomes[d.Outcome]
	if a != Created && a != Replayed {
		return refused(ctx, desk, d)
	}
	return ordered(ctx, desk, a, d.Order)
}

// ordered answers a purchase with its order, Created or Replayed.
func ordered(ctx *fasthttp.RequestCtx, desk *checkout.Desk, a Answer, o sale.Order) Answer {
	if a == Replayed {
		ctx.Response.Header.Set("Idempotent-Replayed", "true")
	}
	ctx.Response.Header.SetCanonical(location, []byte(prefix+string(desk.Sale().ID)+"/orders/"+string(o.ID)))
	return showOrder(ctx, a, desk, o)
}

// refused writes a business refusal with what helps in its case.
func refused(ctx *fasthttp.RequestCtx, desk *checkout.Desk, d sale.Decision) Answer {
	a := outcomes[d.Outcome]
	switch a {
	case SoldOut, OutcomeUnknown:
		return refuse(ctx, a, mineOf, string(desk.Sale().ID), mineOfEnd)
	case NotEnough:
		return refuse(ctx, a, `,"remaining":`, strconv.FormatInt(d.Remaining, 10))
	case AlreadyOrdered:
		document := documents[a]
		if d.Order.State == sale.StatePaid {
			document = alreadyPaid
		}
		return refuseWith(ctx, a, document, `,"order":"`, string(d.Order.ID), `"`, mineOf, string(desk.Sale().ID), mineOfEnd)
	case NotOpen:
		now, _ := desk.Now() // the window was judged by a reading of it
		opens := desk.Sale().Opens
		// Whole seconds, rounded up: who waits so long finds the sale open.
		wait := max(1, (int64(opens-now)+999)/1000)
		ctx.Response.Header.Set("Retry-After", strconv.FormatInt(wait, 10))
		return refuse(ctx, a, `,"opens_at":`, problem.Quote(opens.Time().Format(time.RFC3339Nano)),
			`,"server_time":`, problem.Quote(now.Time().Format(time.RFC3339Nano)))
	}
	return refuse(ctx, a)
}

// failed tells apart what nobody may confuse: nothing was sold, or nobody knows.
func failed(ctx *fasthttp.RequestCtx, desk *checkout.Desk, err error) Answer {
	switch {
	case errors.Is(err, sale.ErrNoOrder):
		return refuse(ctx, OrderUnknown)
	case errors.Is(err, sale.ErrConflict):
		return refuse(ctx, NotCancellable, `,"reason":`, problem.Quote(err.Error()))
	case errors.Is(err, sale.ErrUnavailable):
		return refuse(ctx, StoreUnavailable)
	}
	return refuse(ctx, OutcomeUnknown, mineOf, string(desk.Sale().ID), mineOfEnd)
}
