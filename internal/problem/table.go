package problem

// What buyers and payment providers get from nodes.
var (
	SoldOut = Problem{"sold-out", 409, "Sold out",
		"Every ticket is held or paid at this moment. If an earlier answer of yours was lost, or this one carries Onsale-Retried, ask for your order first.", false}
	NotEnough = Problem{"not-enough", 409, "Not enough tickets left",
		"Fewer tickets remain than you asked for. Ask for at most what remains.", false}
	AlreadyOrdered = Problem{"already-ordered", 409, "You have an order already",
		"You have a live order of another quantity in this sale. Cancel it first, or keep it.", false}
	HoldLimit = Problem{"hold-limit", 403, "You let too many holds lapse",
		"You let as many holds lapse unpaid as this sale allows, so it holds nothing more for you.", false}
	NotCancellable = Problem{"not-cancellable", 409, "This order can't be cancelled",
		"Only a held order can be cancelled.", false}
	NotOpen = Problem{"not-open", 403, "The sale is not open yet",
		"Come back at opens_at, by the server time given here.", false}
	Closed = Problem{"closed", 410, "The sale is closed",
		"No more tickets are sold in this sale.", false}
	NoLine = Problem{"no-line", 404, "This sale has no line",
		"Buy without joining: everybody may.", false}
	LineFull = Problem{"line-full", 409, "The line is full",
		"It has as many places as the sale allows, and none is given any more.", false}
	PlaceRequired = Problem{"place-required", 403, "A place in the line is needed",
		"Join the line first, at the address in line, and send the place token that it answers with as Onsale-Place.", false}
	NotYourTurn = Problem{"not-your-turn", 403, "It is not your turn yet",
		"Places up to the front may buy. Ask for the sale after Retry-After, and buy once its front has reached your position.", false}
	Unauthorized = Problem{"unauthorized", 401, "A valid token is needed",
		"Send Authorization: Bearer with a token that is signed by a known key, unexpired and made for this audience.", false}
	CrossSite = Problem{"cross-site", 403, "The request came from another site",
		"A browser's cookie identifies you only for requests of this site's own pages. Open the sale's page here, or send Authorization: Bearer.", false}
	SaleUnknown = Problem{"sale-unknown", 404, "No such sale",
		"Check the sale's id.", false}
	OrderUnknown = Problem{"order-unknown", 404, "No such order",
		"You have no such order in this sale.", false}
	NotFound = Problem{"not-found", 404, "No such path",
		"Paths begin with /v1/sales/.", false}
	MethodNotAllowed = Problem{"method-not-allowed", 405, "Method not allowed",
		"See the Allow header for what this path takes.", false}
	BadRequest = Problem{"bad-request", 400, "The request is not valid HTTP",
		"Send a well-formed HTTP/1.1 request.", false}
	RequestTimeout = Problem{"request-timeout", 408, "The request came too slowly",
		"Send it again, all at once.", false}
	BodyTooLarge = Problem{"body-too-large", 413, "The body is too large",
		`Send a body such as {"quantity":1}.`, false}
	HeaderTooLarge = Problem{"header-too-large", 431, "The headers are too large",
		"Send fewer or smaller headers.", false}
	InvalidRequest = Problem{"invalid-request", 422, "The request is invalid",
		`Send a body such as {"quantity":1}.`, false}
	QuantityLimit = Problem{"quantity-limit", 422, "More tickets than one order may have",
		"Ask for a quantity from 1 to the sale's limit.", false}
	ProofRequired = Problem{"proof-required", 403, "A proof is needed to join",
		"Get a challenge, solve it and join with a body such as {\"proof\":\"…\"}; or, if there is no address of a challenge here, with the response of the page's captcha as the proof.", false}
	ProofWrong = Problem{"proof-wrong", 403, "The proof is wrong",
		"Get a new challenge, or a new response of the captcha, and join with it. A proof is good for one buyer in one sale, and for some minutes.", false}
	ProofUnavailable = Problem{"proof-unavailable", 503, "The proof can't be verified",
		"The captcha's provider does not answer. Nothing was done. Try again in a moment, with a new response of the captcha.", true}
	WebhookMalformed = Problem{"webhook-malformed", 400, "The message's headers can't be read",
		"Send webhook-id, webhook-timestamp and webhook-signature as Standard Webhooks defines them.", false}
	WebhookSignature = Problem{"webhook-signature", 401, "No signature matches",
		"Sign id, timestamp and body, exactly as they are sent, with a secret that is known here.", false}
	WebhookExpired = Problem{"webhook-expired", 401, "The message's time is too far from now",
		"Sign each attempt with the time at which it is sent, within five minutes of ours.", false}
	PaymentConflict = Problem{"payment-conflict", 409, "This payment was recorded with another content",
		"An earlier message of this id, or of this payment, had another content. Nothing was changed.", false}
	InvalidPayment = Problem{"invalid-payment", 422, "The payment can't be read",
		"Send payment, sale, order, amount in the minor unit, and currency; and refund or dispute, a name, where money went back.", false}
	PaymentUnknown = Problem{"payment-outcome-unknown", 503, "It is unknown whether the payment was recorded",
		"Send the message again: a payment counts once.", true}
	Busy = Problem{"busy", 503, "Too many buyers at this moment",
		"Nothing was ordered, but by an earlier try if this answer carries Onsale-Retried: then ask for your order first. Try again in a moment.", true}
	StoreUnavailable = Problem{"store-unavailable", 503, "The stock store is unavailable",
		"Nothing was ordered, but by an earlier try if this answer carries Onsale-Retried: then ask for your order first. Tickets may remain. Try again in a moment.", true}
	OutcomeUnknown = Problem{"outcome-unknown", 503, "The outcome is unknown",
		"You may have an order. Ask for it, or send the same request again: it can't order twice.", true}
)

// RateLimited is Nginx's, by address. Nodes limit buyers, and have details of their own.
var RateLimited = Problem{"rate-limited", 429, "Too many requests",
	"Too many requests came from your address. Wait for the seconds in Retry-After, then ask again.", true}

// What only Nginx answers, where no node does.
var (
	URITooLong = Problem{"uri-too-long", 414, "The address is too long",
		"Send a request line of less than 8 KB.", false}
	NodeUnreachable = Problem{"node-unreachable", 502, "No node answered",
		"Ask again after Retry-After.", true}
	NodeTimeout = Problem{"node-timeout", 504, "A node did not answer in time",
		"Ask again after Retry-After.", true}
	// EdgeError is for any other status that Nginx answers with by itself.
	EdgeError = Problem{"edge-error", 500, "Edge error",
		"Nginx could not serve the request. Send it again; if it fails again, quote X-Request-Id to support.", false}
)

// What only operators get.
var (
	NoToken = Problem{"no-admin-token", 403, "This process has no admin token",
		"Start it with --admin-token-file.", false}
	PaymentNotFound = Problem{"payment-unknown", 404, "No such payment",
		"Check the payment's id.", false}
	NodeUnknown = Problem{"node-unknown", 404, "No such node",
		"Check the node's name: GET /admin/v1/nodes lists them.", false}
	Conflict = Problem{"conflict", 409, "The present state does not allow it",
		"Look at the present state first.", false}
	SaleLost = Problem{"sale-lost", 503, "The sale has lost data and is shut",
		"Reconcile the sale: onsale reconcile.", true}
	Internal = Problem{"internal", 500, "A fault of this program",
		"See its log.", false}
)

var table = []Problem{
	SoldOut, NotEnough, AlreadyOrdered, CrossSite, HoldLimit, NotCancellable, NotOpen, Closed, NoLine, LineFull,
	PlaceRequired, NotYourTurn, Unauthorized, SaleUnknown, OrderUnknown, NotFound, MethodNotAllowed, BadRequest,
	RequestTimeout, BodyTooLarge, HeaderTooLarge, InvalidRequest, QuantityLimit, ProofRequired, ProofWrong,
	ProofUnavailable, WebhookMalformed, WebhookSignature, WebhookExpired, PaymentConflict, InvalidPayment,
	PaymentUnknown, Busy, StoreUnavailable, OutcomeUnknown, RateLimited, URITooLong, NodeUnreachable,
	NodeTimeout, EdgeError, NoToken, PaymentNotFound, NodeUnknown, Conflict, SaleLost, Internal,
}
