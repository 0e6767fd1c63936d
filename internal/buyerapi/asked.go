package buyerapi

import "github.com/valyala/fasthttp"

// asked is what a request asks for. A problem's detail is what to do next, and so depends
// on it; type, title and code do not.
type asked uint8

const (
	toOrder asked = iota // what the table of problems speaks of
	toRead
	toCancel
	toPay    // a payment provider
	toSignIn // or out, or who is signed in
	asks
)

// whatIsAsked takes it from method and path alone: problems are written before a request is
// understood, too.
func whatIsAsked(ctx *fasthttp.RequestCtx) asked {
	switch {
	case unsafeString(ctx.URI().PathOriginal()) == WebhookPath:
		return toPay
	case unsafeString(ctx.URI().PathOriginal()) == SessionPath:
		return toSignIn
	case ctx.IsPost():
		return toOrder
	case ctx.IsDelete():
		return toCancel
	}
	return toRead
}

// otherDetails are those of problems that more than one kind of request may get.
var otherDetails = map[Answer][asks]string{
	NotFound: {
		toPay: "This node takes no payments: it was started without webhook secrets.",
	},
	BodyTooLarge: {
		toRead:   "Send no body.",
		toCancel: "Send no body.",
		toPay:    "Send a message of at most 8 KB.",
		toSignIn: "Send no body: the token is in Authorization.",
	},
	InvalidRequest: {
		toCancel: "Send no body: an order is cancelled as a whole, and nothing was cancelled.",
		toSignIn: "Send no body: the token is in Authorization, and nothing was changed.",
	},
	Busy: {
		toRead:   "Nothing was read: the state of your order is unknown. Ask again in a moment.",
		toCancel: "Nothing was cancelled, but by an earlier try if this answer carries Onsale-Retried. Try again in a moment.",
		toPay:    "The payment was not recorded. Send the message again: a payment counts once.",
		toSignIn: "Nothing was changed. Try again in a moment.",
	},
	StoreUnavailable: {
		toRead:   "Nothing could be read: the stock and the state of your order are unknown. Ask again in a moment.",
		toCancel: "Nothing was cancelled, but by an earlier try if this answer carries Onsale-Retried. Try again in a moment.",
		toPay:    "The payment was not recorded. Send the message again: a payment counts once.",
		toSignIn: "No token can be verified without its time. Nothing was changed. Try again in a moment.",
	},
	HeaderTooLarge: {
		toSignIn: "Browsers keep no cookie of more than 4,096 bytes. Have the identity provider sign a shorter token.",
	},
	OutcomeUnknown: {
		toCancel: "Your order may be cancelled. Ask for it, or send the same request again: an order is cancelled once.",
	},
}

// otherDocuments are the documents of other details, like [documents].
var otherDocuments = func() (docs [Answers]*[asks][]byte) {
	for a, details := range otherDetails {
		docs[a] = &[asks][]byte{}
		for i, detail := range details {
			docs[a][i] = documents[a]
			if detail != "" {
				docs[a][i] = problems[a].Document(detail)
			}
		}
	}
	return docs
}()

// documentFor is the document of a problem that fits what the request asks for.
func documentFor(ctx *fasthttp.RequestCtx, a Answer) []byte {
	if others := otherDocuments[a]; others != nil {
		return others[whatIsAsked(ctx)]
	}
	return documents[a]
}
