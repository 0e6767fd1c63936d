package buyerapi

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/problem"
	"onsale/internal/ratelimit"
	"onsale/internal/sale"
)

// SessionPath is where a browser learns who is signed in, hands over the token that the identity provider
// gave it, and signs out.
const SessionPath = "/v1/session"

// maxCookie is how many bytes of name and value a browser keeps.
const maxCookie = 4096

// SignIn has refusals of a session link to the page where buyers sign in; "" is none. It must be called before
// Serve.
func (h *Handler) SignIn(address string) {
	h.signIn = ""
	if address != "" {
		h.signIn = `,"sign_in":` + problem.Quote(address)
	}
}

// session answers all that is asked of a browser's session, which is a cookie with the buyer's token: nodes keep
// none.
func (h *Handler) session(ctx *fasthttp.RequestCtx) Answer {
	switch {
	case reads(ctx):
		return h.showSession(ctx)
	case ctx.IsPost():
		return h.beginSession(ctx)
	case ctx.IsDelete():
		return endSession(ctx)
	}
	return notAllowed(ctx, "GET, HEAD, POST, DELETE")
}

// sessionDocument is who is signed in.
type sessionDocument struct {
	Buyer      sale.Buyer `json:"buyer"`
	ExpiresAt  time.Time  `json:"expires_at"` // the token
	ServerTime time.Time  `json:"server_time"`
}

func (h *Handler) showSession(ctx *fasthttp.RequestCtx) Answer {
	token, a := credential(ctx)
	if a != OK { // a GET is never cross-site
		return unauthorized(ctx, h.signIn)
	}
	s, a := h.signed(ctx, token)
	if a != OK {
		return a
	}
	body, err := json.Marshal(s)
	if err != nil {
		panic(err) // a name of UTF-8 and times of these years always have a JSON form
	}
	return writeAnswer(ctx, OK, body)
}

// beginSession has the browser keep the token that the request identifies itself with. No other site can have a
// browser send one: that takes a header, and a permission that this API never gives.
func (h *Handler) beginSession(ctx *fasthttp.RequestCtx) Answer {
	if body := bytes.TrimSpace(ctx.PostBody()); len(body) > 0 && string(body) != "{}" {
		return writeProblem(ctx, InvalidRequest)
	}
	token, _ := bearer(ctx)
	if token == "" {
		return unauthorized(ctx, h.signIn)
	}
	s, a := h.signed(ctx, token)
	if a != OK {
		return a
	}
	if len(secureCookie)+len(token) > maxCookie {
		return writeProblem(ctx, HeaderTooLarge)
	}
	// The browser's clock may be wrong: it counts from when the answer comes.
	setCookie(ctx, token, int64(s.ExpiresAt.Sub(s.ServerTime)/time.Second))
	return written(ctx, SignedIn)
}

// endSession has the browser forget the token, if its own page asks for that.
func endSession(ctx *fasthttp.RequestCtx) Answer {
	if _, is := bearer(ctx); !is && !sameOrigin(ctx) {
		return writeProblem(ctx, CrossSite)
	}
	setCookie(ctx, "", 0)
	return written(ctx, SignedOut)
}

// signed returns whom a token identifies and OK, or what it has answered instead.
func (h *Handler) signed(ctx *fasthttp.RequestCtx, token string) (sessionDocument, Answer) {
	if !h.load.enter(joining) {
		return sessionDocument{}, writeProblem(ctx, Busy)
	}
	defer h.load.leave()
	now, ok := h.sales.Now()
	if !ok {
		return sessionDocument{}, writeProblem(ctx, StoreUnavailable)
	}
	buyer, expires, err := h.verifier.Lifetime(token, now.Time())
	if err != nil {
		return sessionDocument{}, unauthorized(ctx, h.signIn, `,"reason":`, problem.Quote(err.Error()))
	}
	if v := h.limiter.Take(buyer, false); v.Policy != ratelimit.None {
		return sessionDocument{}, limited(ctx, v)
	}
	return sessionDocument{buyer, expires, now.Time()}, OK
}

// setCookie has the browser keep a token for so many seconds; 0 makes it forget one. A verified token has no
// character that a cookie can't have.
func setCookie(ctx *fasthttp.RequestCtx, token string, seconds int64) {
	name, attributes := cookie, "; HttpOnly; SameSite=Strict"
	if secure(ctx) {
		name, attributes = secureCookie, "; Secure"+attributes
	}
	ctx.Response.Header.Set("Set-Cookie", name+"="+token+"; Path=/; Max-Age="+strconv.FormatInt(seconds, 10)+attributes)
}

// written finishes an answer without a body.
func written(ctx *fasthttp.RequestCtx, a Answer) Answer {
	ctx.SetStatusCode(a.Status())
	ctx.Response.Header.SetCanonical(cacheControl, noStore)
	return a
}
