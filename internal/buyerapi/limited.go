package buyerapi

import (
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/problem"
	"onsale/internal/ratelimit"
)

// rateDocuments are those of buyers whom a node refuses, by policy.
var rateDocuments = map[ratelimit.Policy][]byte{
	ratelimit.PerBuyer: problem.RateLimited.Document("You ask more often than one buyer may. Nothing was done. Wait for the seconds in Retry-After, then ask again."),
	ratelimit.PerNode:  problem.RateLimited.Document("More buyers ask than are let in at once. Nothing was done. Wait for the seconds in Retry-After, then ask again."),
}

// spread is over how long those come back whom a policy refused at the same time. Raised, some wait longer than they
// would have to; lowered, all come back at once, and are refused again.
var spread = map[ratelimit.Policy]time.Duration{ratelimit.PerBuyer: time.Second, ratelimit.PerNode: 4 * time.Second}

// limited refuses a buyer. The fields are those of draft-ietf-httpapi-ratelimit-headers-10. No other answer has them: one
// that is sold out is kept by Nginx, and everybody's.
func limited(ctx *fasthttp.RequestCtx, v ratelimit.Verdict) Answer {
	a := writeDocument(ctx, RateLimited, rateDocuments[v.Policy], `,"violated-policies":["`, string(v.Policy), `"]`)
	wait := v.Wait + time.Duration(rand.Int64N(int64(spread[v.Policy])))
	seconds := strconv.FormatInt(wholeSeconds(wait), 10)
	window := int64(math.Ceil(float64(v.Rate.Burst) / v.Rate.PerSecond))
	h, name := &ctx.Response.Header, `"`+string(v.Policy)+`"`
	h.Set("Retry-After", seconds)
	h.Set("RateLimit-Policy", name+";q="+strconv.Itoa(v.Rate.Burst)+";w="+strconv.FormatInt(window, 10))
	h.Set("RateLimit", name+";r=0;t="+seconds)
	return a
}

// wholeSeconds is the wait for a Retry-After, rounded up: a client that waits so long is not too early.
func wholeSeconds(wait time.Duration) int64 { return max(1, int64((wait+time.Second-1)/time.Second)) }
