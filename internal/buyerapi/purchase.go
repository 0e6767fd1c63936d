package buyerapi

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/problem"
	"onsale/internal/sale"
)

// buy is a purchase. What is public comes before the token, and nothing but a
// local hit leaves memory. trace is a context with the trace that it belongs to, if any.
func (h *Handler) buy(ctx *fasthttp.RequestCtx, trace context.Context, seller Seller) Answer {
	phase, err := seller.Precheck()
	if err != nil {
		return writeProblem(ctx, StoreUnavailable)
	}
	refusal, refused := phase.Refusal()
	again := short(refusal) && repeated(ctx)
	lined := seller.Sale().HasLine()
	// In turn means that a ticket may come back: who is admitted is answered by the stock of this
	// moment, and everybody else by the place.
	inTurn := refusal == sale.SoldOut && seller.Sale().Admission == sale.AdmitLine
	if refused && !again && !inTurn {
		return writeRefusal(ctx, seller, sale.Decision{Outcome: refusal})
	}
	as := buying
	if again {
		as = asking // for an order that the buyer may have
	}
	if !h.load.enter(as) {
		return writeProblem(ctx, Busy)
	}
	defer h.load.leave()
	buyer, a := h.identify(ctx, seller, again)
	if a != OK {
		return a
	}
	var turn sale.Turn
	if lined {
		if turn, a = h.admit(ctx, seller, buyer); a != OK {
			return a
		}
	}
	quantity, err := decodeOrder(ctx.PostBody())
	if err != nil {
		return writeProblem(ctx, InvalidRequest, `,"reason":`, problem.Quote(err.Error()))
	}
	if limit := seller.Sale().Limit; quantity > limit {
		return writeProblem(ctx, QuantityLimit, `,"limit":`, strconv.Itoa(limit))
	}
	if again {
		return h.former(ctx, seller, buyer, quantity, sale.Decision{Outcome: refusal})
	}
	if refused {
		return writeRefusal(ctx, seller, sale.Decision{Outcome: refusal})
	}
	d, err := seller.Buy(trace, buyer, quantity, turn.Position)
	if err != nil {
		return failed(ctx, seller, err)
	}
	if short(d.Outcome) && repeated(ctx) {
		return h.former(ctx, seller, buyer, quantity, d)
	}
	if d.Outcome == sale.NotYourTurn {
		return writeTurn(ctx, turn.Seen(d), seller.Sale().LineRate)
	}
	a = outcomes[d.Outcome]
	if a != Created && a != Replayed {
		return writeRefusal(ctx, seller, d)
	}
	return ordered(ctx, seller, a, d.Order)
}

// ordered answers a purchase with its order, Created or Replayed.
func ordered(ctx *fasthttp.RequestCtx, seller Seller, a Answer, o sale.Order) Answer {
	if a == Replayed {
		ctx.Response.Header.Set("Idempotent-Replayed", "true")
	}
	var space [128]byte // both ids fit, and the header copies it
	path := append(append(space[:0], prefix...), seller.Sale().ID...)
	path = append(append(path, "/orders/"...), o.ID...)
	ctx.Response.Header.SetCanonical(location, path)
	return showOrder(ctx, a, seller, o)
}

// writeRefusal writes a business refusal with what helps in its case.
func writeRefusal(ctx *fasthttp.RequestCtx, seller Seller, d sale.Decision) Answer {
	a := outcomes[d.Outcome]
	switch a {
	case SoldOut, OutcomeUnknown:
		writeProblem(ctx, a, mineOf, string(seller.Sale().ID), mineOfEnd)
		if seller.Sale().Admission == sale.AdmitLine {
			// Nginx must not answer for the next in turn: a ticket may have come back for them.
			ctx.Response.Header.Del("X-Accel-Expires")
		}
		return a
	case NotEnough:
		return writeProblem(ctx, a, `,"remaining":`, strconv.FormatInt(d.Remaining, 10))
	case AlreadyOrdered:
		document := documents[a]
		if d.Order.State == sale.StatePaid {
			document = alreadyPaid
		}
		return writeDocument(ctx, a, document, `,"order":"`, string(d.Order.ID), `"`, mineOf, string(seller.Sale().ID), mineOfEnd)
	case NotOpen:
		now, _ := seller.Now() // the window was judged by a reading of it
		opens := seller.Sale().Opens
		// Whole seconds, rounded up: a client that waits so long finds the sale open.
		wait := max(1, (int64(opens-now)+999)/1000)
		ctx.Response.Header.Set("Retry-After", strconv.FormatInt(wait, 10))
		return writeProblem(ctx, a, `,"opens_at":`, problem.Quote(opens.Time().Format(time.RFC3339Nano)),
			`,"server_time":`, problem.Quote(now.Time().Format(time.RFC3339Nano)))
	}
	return writeProblem(ctx, a)
}

// failed distinguishes two cases that must not be confused: nothing was sold, or the outcome is unknown.
func failed(ctx *fasthttp.RequestCtx, seller Seller, err error) Answer {
	switch {
	case errors.Is(err, sale.ErrNoOrder):
		return writeProblem(ctx, OrderUnknown)
	case errors.Is(err, sale.ErrConflict):
		return writeProblem(ctx, NotCancellable, `,"reason":`, problem.Quote(err.Error()))
	case errors.Is(err, sale.ErrUnavailable):
		return writeProblem(ctx, StoreUnavailable)
	}
	return writeProblem(ctx, OutcomeUnknown, mineOf, string(seller.Sale().ID), mineOfEnd)
}
