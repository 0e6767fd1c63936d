// Package buyerapi is the HTTP API that buyers call on a node: routes, token
// verification, problem documents, and the table from outcomes to answers.
package buyerapi

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"onsale/internal/payment"
	"onsale/internal/proof"
	"onsale/internal/ratelimit"
	"onsale/internal/sale"
)

// Sales is where the handler finds what is on sale here.
type Sales interface {
	// Seller returns the seller of a sale that this node knows. The id is only
	// valid during the call: it shares the request's memory.
	Seller(sale.ID) (Seller, bool)
	// Unread reports whether there is a sale of which this node knows nothing else, because it could not be read.
	Unread(sale.ID) bool
	// Ready reports whether the node knows every other sale that there is.
	Ready() bool
	// Now is Redis time, or false before a first reading of it.
	Now() (sale.Instant, bool)
	// Orphan records a payment, or a part of one that went back, for a sale that nobody knows.
	Orphan(id sale.ID, p sale.Payment) (sale.Receipt, error)
}

// Seller sells one sale, and does what its buyers and payment providers ask for. Its errors
// are those of package sale. No call has a request's context, which fasthttp ends at the
// beginning of a shutdown: what is under way then is finished.
type Seller interface {
	// Sale is the definition, which must not be changed. After a call that returned an order,
	// its price is that of the order.
	Sale() *sale.Sale
	// Now is the sale's Redis time, or false before a first reading of it.
	Now() (now sale.Instant, ok bool)
	// Show returns what anybody may see: the sale's phase and its stock.
	Show() (sale.Phase, sale.Reading, error)
	// Precheck returns the sale's phase, by which most purchases are refused without a token.
	Precheck() (sale.Phase, error)
	// Buy has a claim decided. place is the position of the buyer's turn; 0: the sale knows no turns.
	Buy(ctx context.Context, buyer sale.Buyer, quantity int, place int64) (sale.Decision, error)
	Find(order sale.OrderID, buyer sale.Buyer) (sale.Order, error)
	FindLive(buyer sale.Buyer) (sale.Order, error)
	Cancel(order sale.OrderID, buyer sale.Buyer) (sale.Order, error)
	Pay(p sale.Payment) (sale.Receipt, error)
	// Join gives a buyer a place in the sale's line, or the one of before; proof is what the buyer
	// can prove of that, 0 for nothing.
	Join(buyer sale.Buyer, proof sale.Place) (sale.Placed, sale.Proof, error)
	// Turn returns whether a buyer's place may buy.
	Turn(buyer sale.Buyer, proof sale.Proof) (sale.Turn, error)
	// Stands is Turn by what is known, without asking Redis.
	Stands(buyer sale.Buyer, proof sale.Proof) sale.Turn
}

// Hooks are called once a request; nil fields are not called.
type Hooks struct {
	// Asked is called before a request is looked at.
	Asked func()
	// Answered is how a request was answered, and when it had been read; the zero time for a
	// request that could not be read.
	Answered func(e Endpoint, a Answer, read time.Time)
	// Traced is called when a purchase begins, with its traceparent, which is only valid during the call and may be
	// empty. It returns the purchase's place in a trace, and what is called with its answer and the request's id;
	// nil for one that is not recorded.
	Traced func(id sale.ID, parent string) (place *sale.Trace, end func(code string, status int, request string))
	// Orphan counts payments for orders or sales that are in no record, so that the money
	// has to go back.
	Orphan func()
	// Disputed counts parts of payments that the buyers' banks took back.
	Disputed func()
}

// Verifier identifies the buyer who sends a request.
type Verifier interface {
	// Verify returns the buyer that a token names at the given time. The error names the fault of
	// the token, and goes with the answer. The token is only valid during the call: it shares the request's memory.
	Verify(token string, now time.Time) (sale.Buyer, error)
	// Lifetime is Verify with the time at which the token expires.
	Lifetime(token string, now time.Time) (buyer sale.Buyer, expires time.Time, err error)
}

// Limiter bounds how often buyers ask.
type Limiter interface {
	// Take counts a request of the buyer. Urgent is one of a buyer who may have an order.
	Take(buyer sale.Buyer, urgent bool) ratelimit.Verdict
}

// Places makes and verifies place tokens, by which buyers prove their places in a line.
type Places interface {
	Sign(id sale.ID, buyer sale.Buyer, proof sale.Proof) string
	// Verify returns what a token proves of this buyer in this sale. The error goes with the answer.
	Verify(token string, id sale.ID, buyer sale.Buyer) (sale.Proof, error)
}

// Handler answers buyers. Its Serve method is a fasthttp.RequestHandler.
type Handler struct {
	sales    Sales
	verifier Verifier
	places   Places // nil: sales that have a line sell nothing here
	secrets  payment.Secrets
	limiter  Limiter
	hooks    Hooks
	log      *zap.Logger
	proofs   proof.Verifier
	signIn   string // a member of problems that has the address, or empty
	draining atomic.Bool
	load     *load
	lookups  chan struct{} // a place for each repeated purchase that is looked up
}

// New makes a handler. places may be nil, and then sales that have a line sell nothing here. secrets are those that payment providers sign with; where
// there are none, there is no webhook.
func New(sales Sales, verifier Verifier, places Places, secrets payment.Secrets, limiter Limiter, hooks Hooks, log *zap.Logger) *Handler {
	return &Handler{sales: sales, verifier: verifier, places: places, secrets: secrets, limiter: limiter, hooks: hooks, log: log, proofs: proof.None{}, load: newLoad(DefaultRequests), lookups: make(chan struct{}, repeats)}
}

// Bound sets how many requests are under way at once, see [DefaultRequests]. It must be called before the first one.
func (h *Handler) Bound(requests int) { h.load = newLoad(requests) }

// UnderWay is how many requests are.
func (h *Handler) UnderWay() int { return int(h.load.under.Load()) }

// Demand has buyers prove something before they join a line; without it nothing is asked of them. It must be called
// before Serve.
func (h *Handler) Demand(proofs proof.Verifier) { h.proofs = proofs }

// Drain has every answer from now on close its connection, so that Nginx takes
// its keep-alive connections elsewhere.
func (h *Handler) Drain() { h.draining.Store(true) }

const prefix = "/v1/sales/"

// Serve routes by hand: there are nine routes, and the sold-out answer is too
// cheap for a router.
func (h *Handler) Serve(ctx *fasthttp.RequestCtx) {
	if h.hooks.Asked != nil {
		h.hooks.Asked()
	}
	e, a := h.answer(ctx)
	if h.hooks.Answered != nil {
		h.hooks.Answered(e, a, ctx.Time())
	}
}

func (h *Handler) answer(ctx *fasthttp.RequestCtx) (Endpoint, Answer) {
	e, a := h.route(ctx)
	if h.draining.Load() {
		ctx.SetConnectionClose()
	}
	h.trail(ctx, a)
	return e, a
}

// route takes the path as it was sent. Ids need no escapes, so every address
// has one spelling, and none that Nginx and a node could read differently.
func (h *Handler) route(ctx *fasthttp.RequestCtx) (Endpoint, Answer) {
	path := unsafeString(ctx.URI().PathOriginal())
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		switch path {
		case WebhookPath:
			return Webhook, h.webhook(ctx)
		case SessionPath:
			return Session, h.session(ctx)
		}
		return Elsewhere, writeProblem(ctx, NotFound)
	}
	id, rest, deeper := strings.Cut(rest, "/")
	e, order, allow := endpoint(ctx, rest, deeper)
	seller, ok := h.sales.Seller(sale.ID(id))
	switch {
	case !ok:
		return e, h.unknown(ctx, e, sale.ID(id))
	case allow != "":
		return e, notAllowed(ctx, allow)
	}
	switch e {
	case ShowSale:
		return e, h.show(ctx, seller)
	case PlaceOrder:
		if h.hooks.Traced != nil {
			return e, h.traced(ctx, seller)
		}
		return e, h.buy(ctx, context.Background(), seller)
	case JoinLine:
		return e, h.join(ctx, seller)
	case ShowOrder:
		return e, h.find(ctx, seller, order)
	case CancelOrder:
		return e, h.cancel(ctx, seller, order)
	case ShowChallenge:
		return e, h.challenge(ctx, seller)
	}
	return e, writeProblem(ctx, NotFound)
}

// endpoint is which one of a sale is asked for, by what stands behind the sale's id, if anything does. If the
// method is none of that path's, it is Elsewhere, and allow has those that are.
func endpoint(ctx *fasthttp.RequestCtx, rest string, deeper bool) (e Endpoint, order, allow string) {
	if !deeper {
		if !reads(ctx) {
			return Elsewhere, "", "GET, HEAD"
		}
		return ShowSale, "", ""
	}
	if rest == "orders" {
		if !ctx.IsPost() {
			return Elsewhere, "", "POST"
		}
		return PlaceOrder, "", ""
	}
	if rest == "line" {
		if !ctx.IsPost() {
			return Elsewhere, "", "POST"
		}
		return JoinLine, "", ""
	}
	if rest == "line/challenge" {
		if !reads(ctx) {
			return Elsewhere, "", "GET, HEAD"
		}
		return ShowChallenge, "", ""
	}
	order, ok := strings.CutPrefix(rest, "orders/")
	switch {
	case !ok || order == "" || strings.Contains(order, "/"):
		return Elsewhere, "", ""
	case reads(ctx):
		return ShowOrder, order, ""
	case order == "mine":
		return Elsewhere, "", "GET, HEAD"
	case ctx.IsDelete():
		return CancelOrder, order, ""
	}
	return Elsewhere, "", "GET, HEAD, DELETE"
}

// unknown answers that there is no such sale only if this node would know: one
// that has not reached Redis knows no sale, and a new one may be among them.
func (h *Handler) unknown(ctx *fasthttp.RequestCtx, e Endpoint, id sale.ID) Answer {
	if !h.sales.Ready() || h.sales.Unread(id) {
		return writeProblem(ctx, StoreUnavailable)
	}
	a := writeProblem(ctx, SaleUnknown)
	if e == ShowSale {
		share(ctx, keptOneSecond)
	}
	return a
}

// writeAnswer writes an answer that is no problem. It copies the body.
func writeAnswer(ctx *fasthttp.RequestCtx, a Answer, body []byte) Answer {
	ctx.SetStatusCode(a.Status())
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.SetCanonical(cacheControl, noStore)
	ctx.Response.SetBody(body)
	return a
}

// reads reports whether the request only reads. fasthttp leaves the body out
// of what it sends to HEAD.
func reads(ctx *fasthttp.RequestCtx) bool { return ctx.IsGet() || ctx.IsHead() }

func notAllowed(ctx *fasthttp.RequestCtx, allow string) Answer {
	ctx.Response.Header.Set("Allow", allow)
	return writeProblem(ctx, MethodNotAllowed)
}

// unsafeString is the bytes as a string, uncopied: sold out is answered a million
// times for each ticket. Nothing may keep it past the request.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
