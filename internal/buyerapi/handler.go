// Package buyerapi is the HTTP API that buyers call on a node: routes, token
// verification, problem documents, and the table from outcomes to answers.
package buyerapi

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"onsale/internal/checkout"
	"onsale/internal/payment"
	"onsale/internal/sale"
)

// Sales is where the handler finds what is on sale here.
type Sales interface {
	// Desk returns the desk of a sale that this node knows. The id is only
	// valid during the call: it shares the request's memory.
	Desk(sale.ID) (*checkout.Desk, bool)
	// Ready reports whether the node knows every sale that there is.
	Ready() bool
	// Now is Redis time, or false before Redis has told it.
	Now() (sale.Instant, bool)
}

// Orders is how the handler reads, cancels and pays orders in Redis. Each call bounds its own
// time. A request is never its context: fasthttp cancels those at the beginning of a
// shutdown, so what is under way then would end unanswered.
type Orders interface {
	Order(ctx context.Context, id sale.ID, order sale.OrderID) (sale.Order, error)
	OrderOf(ctx context.Context, id sale.ID, buyer sale.Buyer) (sale.Order, error)
	Cancel(ctx context.Context, id sale.ID, known sale.Generation, order sale.OrderID, buyer sale.Buyer) (sale.Order, sale.Reading, error)
	Pay(ctx context.Context, id sale.ID, known sale.Generation, p sale.Payment) (sale.Receipt, sale.Reading, error)
	// Orphan records a payment for a sale that nobody knows.
	Orphan(ctx context.Context, id sale.ID, p sale.Payment) (sale.Receipt, error)
}

// Hooks are called once a request; nil fields are not called.
type Hooks struct {
	Answered func(Answer)
	// Bought is how long a purchase took that went past the public checks.
	Bought func(Answer, time.Duration)
	// Orphan counts payments for orders or sales that are in no record, so that the money
	// has to go back.
	Orphan func()
}

// Verifier says who sends a request.
type Verifier interface {
	// Verify returns the buyer that a token names at the given time. The error says what is wrong
	// with the token, and goes with the answer.
	Verify(token string, now time.Time) (sale.Buyer, error)
}

// Handler answers buyers. Its Serve method is a fasthttp.RequestHandler.
type Handler struct {
	sales    Sales
	orders   Orders
	verifier Verifier
	secrets  payment.Secrets
	hooks    Hooks
	log      *zap.Logger
	draining atomic.Bool
	lookups  chan struct{} // a place for each repeated purchase that is looked up
}

// New makes a handler. secrets are those that payment providers sign with; where
// there are none, there is no webhook.
func New(sales Sales, orders Orders, verifier Verifier, secrets payment.Secrets, hooks Hooks, log *zap.Logger) *Handler {
	return &Handler{sales: sales, orders: orders, verifier: verifier, secrets: secrets, hooks: hooks, log: log, lookups: make(chan struct{}, repeats)}
}

// Drain has every answer from now on close its connection, so that Nginx takes
// its keep-alive connections elsewhere.
func (h *Handler) Drain() { h.draining.Store(true) }

const prefix = "/v1/sales/"

// Serve routes by hand: there are six routes, and the sold-out answer is too
// cheap for a router.
func (h *Handler) Serve(ctx *fasthttp.RequestCtx) {
	a := h.route(ctx)
	if h.draining.Load() {
		ctx.SetConnectionClose()
	}
	if h.hooks.Answered != nil {
		h.hooks.Answered(a)
	}
}

// route takes the path as it was sent. Ids need no escapes, so every address
// has one spelling, and none that Nginx and a node could read differently.
func (h *Handler) route(ctx *fasthttp.RequestCtx) Answer {
	path := borrow(ctx.URI().PathOriginal())
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		if path == WebhookPath {
			return h.hear(ctx)
		}
		return refuse(ctx, NotFound)
	}
	id, rest, deeper := strings.Cut(rest, "/")
	desk, ok := h.sales.Desk(sale.ID(id))
	if !ok {
		return h.unknown(ctx)
	}
	if !deeper {
		if !reads(ctx) {
			return notAllowed(ctx, "GET, HEAD")
		}
		return h.show(ctx, desk)
	}
	if rest == "orders" {
		if !ctx.IsPost() {
			return notAllowed(ctx, "POST")
		}
		return h.buy(ctx, desk)
	}
	order, ok := strings.CutPrefix(rest, "orders/")
	switch {
	case !ok || order == "" || strings.Contains(order, "/"):
		return refuse(ctx, NotFound)
	case reads(ctx):
		return h.find(ctx, desk, order)
	case order == "mine":
		return notAllowed(ctx, "GET, HEAD")
	case ctx.IsDelete():
		return h.cancel(ctx, desk, order)
	}
	return notAllowed(ctx, "GET, HEAD, DELETE")
}

// unknown says that there is no such sale only where this node would know: one
// that has not reached Redis knows no sale, and a new one may be among them.
func (h *Handler) unknown(ctx *fasthttp.RequestCtx) Answer {
	if !h.sales.Ready() {
		return refuse(ctx, StoreUnavailable)
	}
	return refuse(ctx, SaleUnknown)
}

// show describes the sale to anybody.
func (h *Handler) show(ctx *fasthttp.RequestCtx, desk *checkout.Desk) Answer {
	if err := desk.Fresh(); err != nil {
		return refuse(ctx, StoreUnavailable)
	}
	now, ok := desk.Now()
	if !ok {
		return refuse(ctx, StoreUnavailable)
	}
	body, err := json.Marshal(newSaleDocument(desk.Sale(), desk.Precheck(), now, desk.Remaining()))
	if err != nil {
		panic(err) // numbers, texts and times of this era always have a JSON form
	}
	return good(ctx, OK, body)
}

// good writes an answer that is no problem. It keeps the body.
func good(ctx *fasthttp.RequestCtx, a Answer, body []byte) Answer {
	ctx.SetStatusCode(a.Status())
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.SetCanonical(cacheControl, noStore)
	ctx.Response.SetBodyRaw(body)
	return a
}

// reads reports whether the request only reads. fasthttp leaves the body out
// of what it sends to HEAD.
func reads(ctx *fasthttp.RequestCtx) bool { return ctx.IsGet() || ctx.IsHead() }

func notAllowed(ctx *fasthttp.RequestCtx, allow string) Answer {
	ctx.Response.Header.Set("Allow", allow)
	return refuse(ctx, MethodNotAllowed)
}

// borrow is the bytes as a string, uncopied: sold out is answered a million
// times for each ticket. Nothing may keep it past the request.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
