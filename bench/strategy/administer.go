package strategy

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/pprof"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/sale"
)

// The harness's routes: see [Admin], which calls them.
const (
	openPath      = "/bench/open"
	ordersPath    = "/bench/orders"
	remainingPath = "/bench/remaining"
	profilePath   = "/bench/profile"
)

// opening is what openPath takes.
type opening struct {
	Sale  string `json:"sale"`
	Total int64  `json:"total"`
}

// left is what remainingPath answers.
type left struct {
	Remaining int64 `json:"remaining"`
}

// longest bounds a call of the harness: it may read a million orders.
const longest = time.Minute

// administer answers the harness, and reports whether the path is one of its.
func (f *front) administer(ctx *fasthttp.RequestCtx, path string) bool {
	limit, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	name := string(ctx.QueryArgs().Peek("sale"))
	var result any
	var err error
	switch {
	case path == openPath && ctx.IsPost():
		result, err = struct{}{}, f.open(limit, ctx.PostBody())
	case path == ordersPath && ctx.IsGet():
		var orders []Order
		if orders, err = f.strategy.Orders(limit, name); err == nil {
			stream(ctx, orders)
			return true
		}
	case path == remainingPath && ctx.IsGet():
		var l left
		l.Remaining, err = f.strategy.Remaining(limit, name)
		result = l
	case path == profilePath && ctx.IsGet():
		err := profile(ctx)
		if err == nil {
			return true
		}
		reply(ctx, nil, err)
		return true
	default:
		return false
	}
	reply(ctx, result, err)
	return true
}

// profile answers with a CPU profile of the seconds to come.
func profile(ctx *fasthttp.RequestCtx) error {
	seconds, err := ctx.QueryArgs().GetUint("seconds")
	if err != nil || seconds < 1 || seconds > int(longest.Seconds()) {
		return fmt.Errorf("seconds: want 1 to %g", longest.Seconds())
	}
	if err := pprof.StartCPUProfile(ctx.Response.BodyWriter()); err != nil {
		return err
	}
	time.Sleep(time.Duration(seconds) * time.Second)
	pprof.StopCPUProfile()
	return nil
}

// open puts a sale on sale. Its name is checked here, for all strategies: it
// becomes part of Redis keys and of JSON.
func (f *front) open(ctx context.Context, body []byte) error {
	var o opening
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	if _, err := sale.ParseID(o.Sale); err != nil {
		return err
	}
	if o.Total < 0 || o.Total > sale.MaxTotal {
		return errors.New("total: want 0 to a billion")
	}
	return f.strategy.Open(ctx, o.Sale, o.Total)
}

// reply writes a result, or an error as its text.
func reply(ctx *fasthttp.RequestCtx, result any, err error) {
	switch {
	case err == nil:
	case errors.Is(err, sale.ErrNoSale):
		ctx.Error(err.Error(), fasthttp.StatusNotFound)
		return
	case errors.Is(err, sale.ErrConflict):
		ctx.Error(err.Error(), fasthttp.StatusConflict)
		return
	case errors.Is(err, sale.ErrUnavailable), errors.Is(err, sale.ErrUnknown):
		ctx.Error(err.Error(), fasthttp.StatusServiceUnavailable)
		return
	default:
		ctx.Error(err.Error(), fasthttp.StatusUnprocessableEntity)
		return
	}
	ctx.SetContentType("application/json")
	if err := json.NewEncoder(ctx.Response.BodyWriter()).Encode(result); err != nil {
		panic(err) // numbers always have a JSON form, and the body is memory
	}
}

// stream writes the orders as a JSON array of which never more than a little is in
// memory, beside the orders themselves. One that is cut short does not end with
// its bracket.
func stream(ctx *fasthttp.RequestCtx, orders []Order) {
	ctx.SetContentType("application/json")
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		enc := json.NewEncoder(w)
		separator := byte('[')
		for _, o := range orders {
			// An error means that the reader has gone; it sticks to the writer.
			_ = w.WriteByte(separator)
			_ = enc.Encode(o)
			separator = ','
		}
		if len(orders) == 0 {
			_ = w.WriteByte('[')
		}
		_, _ = w.WriteString("]\n")
	})
}
