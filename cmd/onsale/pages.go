package main

import (
	"github.com/valyala/fasthttp"

	"onsale/internal/problem"
	"onsale/web"
)

// servePage answers requests for pages and their files, as nginx/page.conf does but without
// compression. It returns false for all others, which are the nodes'.
func servePage(ctx *fasthttp.RequestCtx) bool {
	file, found := web.Find(string(ctx.URI().PathOriginal()))
	if !found {
		return false
	}
	h := &ctx.Response.Header
	for _, header := range web.Headers {
		h.Set(header.Name, header.Value)
	}
	switch {
	case !ctx.IsGet() && !ctx.IsHead():
		ctx.SetStatusCode(fasthttp.StatusMethodNotAllowed)
		ctx.SetContentType("application/problem+json")
		ctx.SetBody(append(problem.MethodNotAllowed.Document(""), '}'))
		return true
	case string(ctx.Request.Header.Peek("If-None-Match")) == file.ETag:
		ctx.SetStatusCode(fasthttp.StatusNotModified)
	default:
		ctx.SetContentType(file.Type)
		ctx.Response.SetBodyRaw(file.Body)
	}
	h.Set("ETag", file.ETag)
	return true
}
