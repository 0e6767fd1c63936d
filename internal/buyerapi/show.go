package buyerapi

import (
	"encoding/json"

	"github.com/valyala/fasthttp"

	"onsale/internal/sale"
)

// How a sale's public document may be kept. Nginx counts whole seconds, so one is up to two. While it asks a node
// again, or none answers, it may use the old document for one second more: a page that waits gets an answer at once,
// and a node one request.
var (
	keptOneSecond = []byte("public, max-age=1")
	keptStale     = []byte("public, max-age=1, stale-while-revalidate=1, stale-if-error=1")
)

// askedAt is Nginx's time when it asked for the document, which it keeps with it: so a page that gets the document later
// knows how old server_time is. Without Nginx there is none.
var askedAt = []byte("Onsale-Asked-At")

// show describes the sale to anybody.
func (h *Handler) show(ctx *fasthttp.RequestCtx, seller Seller) Answer {
	phase, reading, err := seller.Show()
	if err != nil {
		return writeProblem(ctx, StoreUnavailable)
	}
	if now, ok := seller.Now(); ok && now > reading.At {
		reading.At = now // a page counts down by it
	}
	s := seller.Sale()
	body, err := json.Marshal(newSaleDocument(s, phase, reading))
	if err != nil {
		panic(err) // numbers, texts and times of these years always have a JSON form
	}
	a := writeAnswer(ctx, OK, body)
	kept := keptStale
	// Sold out is at most three seconds old, one of which is the node's. Where buyers come in turn it sends nobody away.
	if phase == sale.PhaseSoldOut && s.Admission != sale.AdmitLine {
		kept = keptOneSecond
	}
	share(ctx, kept)
	return a
}

// share has Nginx give the answer to whoever asks, for as long as kept allows.
func share(ctx *fasthttp.RequestCtx, kept []byte) {
	h := &ctx.Response.Header
	h.SetCanonical(cacheControl, kept)
	if at := ctx.Request.Header.PeekBytes(askedAt); isTime(at) {
		h.SetCanonical(askedAt, at)
	}
}

// isTime reports whether the text is what Nginx's $msec is: seconds with a fraction.
func isTime(text []byte) bool {
	if len(text) == 0 || len(text) > 20 {
		return false
	}
	for _, c := range text {
		if (c < '0' || c > '9') && c != '.' {
			return false
		}
	}
	return true
}
