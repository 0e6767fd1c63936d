package strategy

import (
	"errors"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"onsale/internal/buyerapi"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// maxOrder bounds an order's JSON, as on the node.
const maxOrder = 256

var parsers fastjson.ParserPool

// wantsOne reports whether the body asks for one ticket and nothing else.
func wantsOne(body []byte) bool {
	if len(body) > maxOrder {
		return false
	}
	p := parsers.Get()
	defer parsers.Put(p)
	v, err := p.ParseBytes(body)
	if err != nil {
		return false
	}
	o, err := v.Object()
	return err == nil && o.Len() == 1 && v.GetInt("quantity") == 1
}

// failure is the answer to an infrastructure's error.
func failure(err error) problem.Problem {
	switch {
	case errors.Is(err, sale.ErrNoSale):
		return problem.SaleUnknown
	case errors.Is(err, sale.ErrUnavailable):
		return problem.StoreUnavailable
	}
	return problem.OutcomeUnknown
}

// refuse writes a problem document. The error, if there is one, is its detail: nobody but the
// bench reads these. There is no X-Accel-Expires, with which Nginx would answer in the strategy's
// place.
func refuse(ctx *fasthttp.RequestCtx, p problem.Problem, err error) {
	ctx.SetStatusCode(p.Status)
	ctx.Response.Header.SetContentType("application/problem+json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	if p.Retry {
		ctx.Response.Header.Set("Retry-After", "1")
	}
	detail := ""
	if err != nil {
		detail = err.Error()
	}
	ctx.Response.SetBody(append(p.Document(detail), '}'))
}

// show writes an order. Every text in it is from an alphabet that JSON does not escape.
func show(ctx *fasthttp.RequestCtx, a buyerapi.Answer, name, order string) {
	ctx.SetStatusCode(a.Status())
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.Response.SetBodyString(`{"id":"` + order + `","sale":"` + name + `","state":"` + string(sale.StateHeld) + `","quantity":1}`)
}
