package buyerapi

import (
	"net"
	"strings"

	"github.com/valyala/fasthttp"

	"onsale/internal/problem"
	"onsale/internal/ratelimit"
	"onsale/internal/sale"
)

// identify returns the token's buyer and OK, or what it has answered instead. Only who has a token counts for a
// limit: a stranger can't use up what buyers may ask.
func (h *Handler) identify(ctx *fasthttp.RequestCtx, seller Seller, urgent bool) (sale.Buyer, Answer) {
	// Redis time, like everything else. Without it no token can be verified.
	now, ok := seller.Now()
	if !ok {
		return "", writeProblem(ctx, StoreUnavailable)
	}
	token, a := credential(ctx)
	if a == CrossSite {
		return "", writeProblem(ctx, CrossSite)
	}
	if a != OK {
		return "", unauthorized(ctx)
	}
	buyer, err := h.verifier.Verify(token, now.Time())
	if err != nil {
		return "", unauthorized(ctx, `,"reason":`, problem.Quote(err.Error()))
	}
	if v := h.limiter.Take(buyer, urgent); v.Policy != ratelimit.None {
		return "", limited(ctx, v)
	}
	return buyer, OK
}

func unauthorized(ctx *fasthttp.RequestCtx, members ...string) Answer {
	ctx.Response.Header.Set("WWW-Authenticate", `Bearer realm="onsale"`)
	return writeProblem(ctx, Unauthorized, members...)
}

// credential returns the buyer's token and OK, Unauthorized if there is none, or CrossSite. A header with a
// token is written by whoever has it, but a cookie is sent by browsers, whichever site has them send a request: what
// changes something has to come from a page of this site. The token may share the request's memory.
func credential(ctx *fasthttp.RequestCtx) (string, Answer) {
	if token, is := bearer(ctx); token != "" {
		return token, OK
	} else if is {
		return "", Unauthorized
	}
	name := cookie
	if secure(ctx) {
		name = secureCookie
	}
	token := unsafeString(ctx.Request.Header.Cookie(name))
	switch {
	case token == "":
		return "", Unauthorized
	case !reads(ctx) && !sameOrigin(ctx):
		return "", CrossSite
	}
	return token, OK
}

// bearer returns the token of the Authorization header, or none, and whether there is such a header. The token
// shares the request's memory: nothing may keep it.
func bearer(ctx *fasthttp.RequestCtx) (token string, is bool) {
	header := ctx.Request.Header.Peek("Authorization")
	if len(header) == 0 {
		return "", false
	}
	scheme, token, found := strings.Cut(unsafeString(header), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	return strings.TrimSpace(token), true
}

// The cookies that keep a buyer's token. A browser takes one whose name begins with __Host- only from
// this very host, by TLS and for all its paths, so that no neighbour under the same domain can sign a
// buyer in as somebody else. Without TLS, on loopback alone, there is no such cookie.
const (
	secureCookie = "__Host-onsale-token"
	cookie       = "onsale-token"
)

// secure reports whether the browser speaks TLS to the site: on every host but loopback it has to, though Nginx
// may not know, behind a balancer that ends it.
func secure(ctx *fasthttp.RequestCtx) bool {
	host := unsafeString(ctx.Host())
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return !sale.Loopback(host) || string(ctx.Request.Header.Peek("X-Forwarded-Proto")) == "https"
}

// sameOrigin reports whether a page of this site sent the request. Browsers that are in use send Sec-Fetch-Site, which no script
// can set, but not to every site without TLS; all send the Origin of what is no GET.
func sameOrigin(ctx *fasthttp.RequestCtx) bool {
	if site := ctx.Request.Header.Peek("Sec-Fetch-Site"); len(site) > 0 {
		return string(site) == "same-origin"
	}
	scheme, host, found := strings.Cut(unsafeString(ctx.Request.Header.Peek("Origin")), "://")
	return found && (scheme == "https") == secure(ctx) && strings.EqualFold(host, unsafeString(ctx.Host()))
}
