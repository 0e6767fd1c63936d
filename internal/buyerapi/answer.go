package buyerapi

import (
	"github.com/valyala/fasthttp"

	"onsale/internal/problem"
	"onsale/internal/sale"
)

// Answer is one of the closed set of answers to a buyer: a problem's code, or
// one of the few that are no problems. It is what metrics count.
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
	RateLimited                    // 429
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
	Joined                         // 201: a new place in the line
	Rejoined                       // 200: the same place again
	NoLine                         // 404
	LineFull                       // 409
	PlaceRequired                  // 403
	NotYourTurn                    // 403
	Paid                           // 200: a payment paid its order
	RefundDue                      // 200: a payment bought nothing and has to go back
	Recorded                       // 200: money that went back
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
	ProofRequired                  // 403
	ProofWrong                     // 403
	ProofUnavailable               // 503
	CrossSite                      // 403
	SignedIn                       // 204: the browser keeps the buyer's token
	SignedOut                      // 204: it keeps none
)

// problems are the problem of each answer; see asked.go for details that depend on the request. The
// others have no more than a code and a status.
var problems = [...]problem.Problem{
	OK:               {Code: "ok", Status: 200},
	Created:          {Code: "created", Status: 201},
	Replayed:         {Code: "replayed", Status: 200},
	SoldOut:          problem.SoldOut,
	NotEnough:        problem.NotEnough,
	AlreadyOrdered:   problem.AlreadyOrdered,
	HoldLimit:        problem.HoldLimit,
	NotCancellable:   problem.NotCancellable,
	RateLimited:      problem.RateLimited,
	NotOpen:          problem.NotOpen,
	Closed:           problem.Closed,
	Unauthorized:     problem.Unauthorized,
	SaleUnknown:      problem.SaleUnknown,
	OrderUnknown:     problem.OrderUnknown,
	NotFound:         problem.NotFound,
	MethodNotAllowed: problem.MethodNotAllowed,
	BadRequest:       problem.BadRequest,
	RequestTimeout:   problem.RequestTimeout,
	BodyTooLarge:     problem.BodyTooLarge,
	HeaderTooLarge:   problem.HeaderTooLarge,
	InvalidRequest:   problem.InvalidRequest,
	QuantityLimit:    problem.QuantityLimit,
	WebhookMalformed: problem.WebhookMalformed,
	WebhookSignature: problem.WebhookSignature,
	WebhookExpired:   problem.WebhookExpired,
	PaymentConflict:  problem.PaymentConflict,
	InvalidPayment:   problem.InvalidPayment,
	PaymentUnknown:   problem.PaymentUnknown,
	Busy:             problem.Busy,
	StoreUnavailable: problem.StoreUnavailable,
	OutcomeUnknown:   problem.OutcomeUnknown,
	Joined:           {Code: "joined", Status: 201},
	Rejoined:         {Code: "rejoined", Status: 200},
	NoLine:           problem.NoLine,
	LineFull:         problem.LineFull,
	PlaceRequired:    problem.PlaceRequired,
	NotYourTurn:      problem.NotYourTurn,
	Paid:             {Code: "paid", Status: 200},
	RefundDue:        {Code: "refund-due", Status: 200},
	Recorded:         {Code: "recorded", Status: 200},
	Ignored:          {Code: "ignored", Status: 200},
	ProofRequired:    problem.ProofRequired,
	ProofWrong:       problem.ProofWrong,
	ProofUnavailable: problem.ProofUnavailable,
	CrossSite:        problem.CrossSite,
	SignedIn:         {Code: "signed-in", Status: 204},
	SignedOut:        {Code: "signed-out", Status: 204},
}

// Answers is how many answers there are, for tables indexed by one.
const Answers = len(problems)

// String is the answer's stable code: a metric label, and the code in problem documents.
func (a Answer) String() string { return problems[a].Code }

// Status is the answer's HTTP status.
func (a Answer) Status() int { return problems[a].Status }

// documents are the problem documents without their closing brace, so that
// members of one case can follow.
var documents = func() (docs [Answers][]byte) {
	for a := range docs {
		docs[a] = problems[a].Document("")
	}
	return docs
}()

// alreadyPaid is for a buyer whose live order is paid, and so can't be cancelled.
var alreadyPaid = problem.AlreadyOrdered.Document(
	"You have paid for an order of another quantity in this sale, and a paid order can't be cancelled here. One buyer has one order in a sale.")

// outcomes is the table from the checkout's outcomes to the API's answers.
var outcomes = [sale.Outcomes]Answer{
	sale.NoOutcome:      OutcomeUnknown,
	sale.Held:           Created,
	sale.Replayed:       Replayed,
	sale.AlreadyOrdered: AlreadyOrdered,
	sale.SoldOut:        SoldOut,
	sale.NotEnough:      NotEnough,
	sale.NotOpen:        NotOpen,
	sale.Closed:         Closed,
	sale.HoldLimit:      HoldLimit,
	// Redis saw the claim too late to sell it: nothing was ordered.
	sale.Late:        Busy,
	sale.Busy:        Busy,
	sale.NotYourTurn: NotYourTurn,
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

// writeProblem writes a problem document. members are the text of JSON members that
// follow the standard ones, each with its leading comma.
func writeProblem(ctx *fasthttp.RequestCtx, a Answer, members ...string) Answer {
	return writeDocument(ctx, a, documentFor(ctx, a), members...)
}

// writeDocument is writeProblem with another of the answer's documents.
func writeDocument(ctx *fasthttp.RequestCtx, a Answer, document []byte, members ...string) Answer {
	p := &problems[a]
	ctx.SetStatusCode(p.Status)
	h := &ctx.Response.Header
	h.SetContentType("application/problem+json")
	// Nginx 1.22 heeds X-Accel-Expires only where it precedes Cache-Control.
	// Sold out is the one answer that is everybody's.
	if a == SoldOut {
		h.SetCanonical(accelExpires, oneSecond)
	}
	h.SetCanonical(cacheControl, noStore)
	if p.Retry {
		h.Set("Retry-After", "1")
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
