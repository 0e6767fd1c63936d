package buyerapi

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"onsale/internal/sale"
)

// Answer is one of the closed set of answers to a buyer: a problem's code, or
// one of the three good ones. It is what metrics count.
type Answer uint8

// Every answer that the API gives.
const (
	OK               Answer = iota // 200 with what was asked for
	Created                        // 201: a new hold
	Replayed                       // 200: the same order again
	SoldOut                        // 409
	NotEnough                      // 409
	AlreadyOrdered                 // 409
	NotCancellable                 // 409
	NotOpen                        // 403
	HoldLimit                      // 403
	Closed                         // 410
	Unauthorized                   // 401
	SaleUnknown                    // 404
	OrderUnknown                   // 404
	NotFound                       // 404: no such path
	MethodNotAllowed               // 405
	BadRequest                     // 400: not HTTP as we read it
	RequestTimeout                 // 408: it came too slowly
	BodyTooLarge                   // 413
	HeaderTooLarge                 // 431
	InvalidRequest                 // 422
	QuantityLimit                  // 422
	Paid                           // 200: a payment paid its order
	RefundDue                      // 200: a payment bought nothing and has to go back
	Ignored                        // 200: a message that is no payment
	WebhookMalformed               // 400
	WebhookSignature               // 401
	WebhookExpired                 // 401
	PaymentConflict                // 409
	InvalidPayment                 // 422
	PaymentUnknown                 // 503
	Busy                           // 503
	StoreUnavailable               // 503
	OutcomeUnknown                 // 503
)

// problem is what an answer always says; see asked.go for details that depend on the request.
type problem struct {
	code   string
	status int
	title  string
	detail string
	retry  string // Retry-After in seconds, where waiting helps
}

var problems = [...]problem{
	OK:       {code: "ok", status: 200},
	Created:  {code: "created", status: 201},
	Replayed: {code: "replayed", status: 200},
	SoldOut: {"sold-out", 409, "Sold out",
		"Every ticket is held or paid at this moment. If an earlier answer of yours was lost, or this one carries Onsale-Retried, ask for your order first.", ""},
	NotEnough: {"not-enough", 409, "Not enough tickets left",
		"Fewer tickets remain than you asked for. Ask for at most what remains.", ""},
	AlreadyOrdered: {"already-ordered", 409, "You have an order already",
		"You have a live order of another quantity in this sale. Cancel it first, or keep it.", ""},
	HoldLimit: {"hold-limit", 403, "You let too many holds lapse",
		"You let as many holds lapse unpaid as this sale allows, so it holds nothing more for you.", ""},
	NotCancellable: {"not-cancellable", 409, "This order can't be cancelled",
		"Only a held order can be cancelled.", ""},
	NotOpen: {"not-open", 403, "The sale is not open yet",
		"Come back at opens_at, by the server time given here.", ""},
	Closed: {"closed", 410, "The sale is closed",
		"No more tickets are sold in this sale.", ""},
	Unauthorized: {"unauthorized", 401, "A valid token is needed",
		"Send Authorization: Bearer with a token that is signed by a known key, unexpired and made for this audience.", ""},
	SaleUnknown: {"sale-unknown", 404, "No such sale",
		"Check the sale's id.", ""},
	OrderUnknown: {"order-unknown", 404, "No such order",
		"You have no such order in this sale.", ""},
	NotFound: {"not-found", 404, "No such path",
		"Paths begin with /v1/sales/.", ""},
	MethodNotAllowed: {"method-not-allowed", 405, "Method not allowed",
		"See the Allow header for what this path takes.", ""},
	BadRequest: {"bad-request", 400, "The request can't be read",
		"Send a well-formed HTTP/1.1 request.", ""},
	RequestTimeout: {"request-timeout", 408, "The request came too slowly",
		"Send it again, all at once.", ""},
	BodyTooLarge: {"body-too-large", 413, "The body is too large",
		`Send a body such as {"quantity":1}.`, ""},
	HeaderTooLarge: {"header-too-large", 431, "The headers are too large",
		"Send fewer or smaller headers.", ""},
	InvalidRequest: {"invalid-request", 422, "The body can't be read",
		`Send a body such as {"quantity":1}.`, ""},
	QuantityLimit: {"quantity-limit", 422, "More tickets than one order may have",
		"Ask for a quantity from 1 to the sale's limit.", ""},
	Paid:      {code: "paid", status: 200},
	RefundDue: {code: "refund-due", status: 200},
	Ignored:   {code: "ignored", status: 200},
	WebhookMalformed: {"webhook-malformed", 400, "The message's headers can't be read",
		"Send webhook-id, webhook-timestamp and webhook-signature as Standard Webhooks says.", ""},
	WebhookSignature: {"webhook-signature", 401, "No signature matches",
		"Sign id, timestamp and body, exactly as they are sent, with a secret that is known here.", ""},
	WebhookExpired: {"webhook-expired", 401, "The message's time is too far from now",
		"Sign each attempt with the time at which it is sent, within five minutes of ours.", ""},
	PaymentConflict: {"payment-conflict", 409, "Told before, and otherwise",
		"This payment or this message was told of before with another content. Nothing was changed.", ""},
	InvalidPayment: {"invalid-payment", 422, "The payment can't be read",
		"Send payment, sale, order, amount in the minor unit, and currency.", ""},
	PaymentUnknown: {"payment-outcome-unknown", 503, "It is unknown whether the payment was recorded",
		"Send the message again: a payment counts once.", "1"},
	Busy: {"busy", 503, "Too many buyers at this moment",
		"Nothing was ordered. Try again in a moment.", "1"},
	StoreUnavailable: {"store-unavailable", 503, "The stock store is unavailable",
		"Nothing was ordered, and this says nothing about the stock. Try again in a moment.", "1"},
	OutcomeUnknown: {"outcome-unknown", 503, "The outcome is unknown",
		"You may have an order. Ask for it, or send the same request again: it can't order twice.", "1"},
}

// Answers is how many answers there are, for tables indexed by one.
const Answers = len(problems)

// String is the answer's stable code: a metric label, and the code in problem documents.
func (a Answer) String() string { return problems[a].code }

// Status is the answer's HTTP status.
func (a Answer) Status() int { return problems[a].status }

// TypeBase precedes a problem's code in its type URI.
const TypeBase = "https://onsale.dev/problems/"

// documents are the problem documents without their closing brace, so that
// members of one case can follow.
var documents = func() (docs [Answers][]byte) {
	for a := range docs {
		docs[a] = document(Answer(a), problems[a].detail)
	}
	return docs
}()

func document(a Answer, detail string) []byte {
	p := problems[a]
	return []byte(`{"type":"` + TypeBase + p.code + `","title":` + quote(p.title) +
		`,"status":` + strconv.Itoa(p.status) + `,"code":"` + p.code + `","detail":` + quote(detail))
}

// alreadyPaid is for a buyer whose live order is paid, and so can't be cancelled.
var alreadyPaid = document(AlreadyOrdered,
	"You have paid for an order of another quantity in this sale, and a paid order can't be cancelled here. One buyer has one order in a sale.")

// outcomes is the table from the checkout's words to the API's.
var outcomes = [sale.Outcomes]Answer{
	sale.Undecided:      OutcomeUnknown,
	sale.Held:           Created,
	sale.Replayed:       Replayed,
	sale.AlreadyOrdered: AlreadyOrdered,
	sale.SoldOut:        SoldOut,
	sale.NotEnough:      NotEnough,
	sale.NotOpen:        NotOpen,
	sale.Closed:         Closed,
	sale.HoldLimit:      HoldLimit,
	// Redis saw the claim too late to sell it: nothing was ordered.
	sale.Late: Busy,
	sale.Busy: Busy,
}

// Headers of refusals and orders, as bytes: Set would spell their names anew for each
// request, at a tenth of what sold out costs.
var (
	accelExpires = []byte("X-Accel-Expires")
	oneSecond    = []byte("1")
	cacheControl = []byte("Cache-Control")
	noStore      = []byte("no-store")
	location     = []byte("Location")
)

// refuse writes a problem document. members are the text of JSON members that
// follow the standard ones, each with its leading comma.
func refuse(ctx *fasthttp.RequestCtx, a Answer, members ...string) Answer {
	return refuseWith(ctx, a, documentFor(ctx, a), members...)
}

// refuseWith is refuse with another of the answer's documents.
func refuseWith(ctx *fasthttp.RequestCtx, a Answer, document []byte, members ...string) Answer {
	p := &problems[a]
	ctx.SetStatusCode(p.status)
	h := &ctx.Response.Header
	h.SetContentType("application/problem+json")
	// Nginx 1.22 heeds X-Accel-Expires only where it precedes Cache-Control.
	// Sold out is the one answer that is everybody's.
	if a == SoldOut {
		h.SetCanonical(accelExpires, oneSecond)
	}
	h.SetCanonical(cacheControl, noStore)
	if p.retry != "" {
		h.Set("Retry-After", p.retry)
	}
	ctx.Response.SetBody(document)
	for _, m := range members {
		ctx.Response.AppendBodyString(m)
	}
	ctx.Response.AppendBodyString("}")
	return a
}

// The member that links to the buyer's own order, around the sale's id.
const (
	mineOf    = `,"mine":"` + prefix
	mineOfEnd = `/orders/mine"`
)
