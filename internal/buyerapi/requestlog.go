package buyerapi

import (
	"strings"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"onsale/internal/sale"
)

// Headers that find a request again, as they are spelled inside fasthttp.
var (
	requestID   = []byte("X-Request-Id")
	traceparent = []byte("Traceparent")
)

// longest is how much of a client's text a line of the log has.
const longest = 128

// identified adds what finds a request again: the id that Nginx gave it and showed the client, and the trace
// that it belongs to.
func identified(ctx *fasthttp.RequestCtx, fields ...zap.Field) []zap.Field {
	if id := ctx.Request.Header.PeekBytes(requestID); len(id) > 0 {
		fields = append(fields, text("request", id))
	}
	if t, _, ok := sale.ParseTrace(unsafeString(ctx.Request.Header.PeekBytes(traceparent))); ok {
		fields = append(fields, zap.String("trace", t.TraceID()))
	}
	return fields
}

// text is a copy of the beginning of what a client sent.
func text(key string, b []byte) zap.Field {
	return zap.String(key, strings.Clone(unsafeString(b[:min(len(b), longest)])))
}

// trail logs an answer, at the level debug alone: at any other, clients could fill the disk.
func (h *Handler) trail(ctx *fasthttp.RequestCtx, a Answer) {
	entry := h.log.Check(zap.DebugLevel, "answered")
	if entry == nil {
		return
	}
	entry.Write(identified(ctx, text("method", ctx.Method()), text("path", ctx.URI().PathOriginal()), zap.Stringer("answer", a))...)
}
