package strategy

import (
	"encoding/json"
	"errors"
	"strconv"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fastjson"

	"onsale/internal/buyerapi"
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
func failure(err error) buyerapi.Answer {
	switch {
	case errors.Is(err, sale.ErrNoSale):
		return buyerapi.SaleUnknown
	case errors.Is(err, sale.ErrUnavailable):
		return buyerapi.StoreUnavailable
	}
	return buyerapi.OutcomeUnknown
}

// titles are those of every refusal that the front gives.
var titles = map[buyerapi.Answer]string{
	buyerapi.SoldOut:          "Sold out",
	buyerapi.Unauthorized:     "A valid token is needed",
	buyerapi.SaleUnknown:      "No such sale",
	buyerapi.NotFound:         "No such path",
	buyerapi.MethodNotAllowed: "Method not allowed",
	buyerapi.InvalidRequest:   `The order can't be read: send {"quantity":1}`,
	buyerapi.Busy:             "Too many buyers at this moment",
	buyerapi.StoreUnavailable: "The stock store is unavailable",
	buyerapi.OutcomeUnknown:   "It is unknown whether you have an order",
}

// documents are the problem documents, without their closing brace.
var documents = func() map[buyerapi.Answer][]byte {
	docs := map[buyerapi.Answer][]byte{}
	for a, title := range titles {
		docs[a] = []byte(`{"type":"` + buyerapi.TypeBase + a.String() + `","title":` + quote(title) +
			`,"status":` + strconv.Itoa(a.Status()) + `,"code":"` + a.String() + `"`)
	}
	return docs
}()

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return string(b)
}

// refuse writes a problem document. The error, if there is one, goes into it:
// nobody but the bench reads these. There is no X-Accel-Expires, with which Nginx
// would answer in the strategy's place.
func refuse(ctx *fasthttp.RequestCtx, a buyerapi.Answer, err error) {
	ctx.SetStatusCode(a.Status())
	ctx.Response.Header.SetContentType("application/problem+json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	if a.Status() == fasthttp.StatusServiceUnavailable {
		ctx.Response.Header.Set("Retry-After", "1")
	}
	ctx.Response.SetBody(documents[a])
	if err != nil {
		ctx.Response.AppendBodyString(`,"detail":` + quote(err.Error()))
	}
	ctx.Response.AppendBodyString("}")
}

// show writes an order. Every text in it is from an alphabet that JSON does not escape.
func show(ctx *fasthttp.RequestCtx, a buyerapi.Answer, name, order string) {
	ctx.SetStatusCode(a.Status())
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.Response.SetBodyString(`{"id":"` + order + `","sale":"` + name + `","state":"` + string(sale.StateHeld) + `","quantity":1}`)
}
