package main

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"onsale/internal/buyerapi"
	"onsale/internal/problem"
	"onsale/internal/sale"
)

// front leads buyers to the nodes of a view, in place of Nginx and by its
// rules: weighted turns, up to three tries, each on another node, and no header
// that only the edge may set. It has no cache, no limits and no timeouts to defend.
type front struct {
	view   func() sale.View
	turns  *turns
	client *fasthttp.Client
	server *fasthttp.Server
}

// maxTries is as many as Nginx has, see nginx/proxy.conf: two nodes may be dead
// at once.
const maxTries = 3

// frontDrain bounds how long buyers under way may take at the end.
const frontDrain = 3 * time.Second

// newFront makes a front. Whatever a node would refuse as too large passes, so
// that the refusal is the node's.
func newFront(view func() sale.View, log *zap.Logger) *front {
	f := &front{view: view, turns: newTurns()}
	f.client = &fasthttp.Client{
		NoDefaultUserAgentHeader: true,
		DisablePathNormalizing:   true,
		MaxConnsPerHost:          10_000,
		MaxIdleConnDuration:      30 * time.Second, // the node's end waits longer
		// Sending again is this front's to decide.
		MaxIdemponentCallAttempts: 1,
		ReadTimeout:               3 * time.Second,
		WriteTimeout:              time.Second,
		Dial:                      func(addr string) (net.Conn, error) { return net.DialTimeout("tcp", addr, 300*time.Millisecond) },
	}
	f.server = &fasthttp.Server{
		Handler:              f.serve,
		Name:                 "onsale-front",
		ReadBufferSize:       64 << 10,
		MaxRequestBodySize:   64 << 10,
		IdleTimeout:          30 * time.Second,
		CloseOnShutdown:      true,
		NoDefaultContentType: true,
		Logger:               zap.NewStdLog(log),
	}
	return f
}

// run serves buyers until ctx ends, and then finishes with those under way.
func (f *front) run(ctx context.Context, l net.Listener) error {
	defer f.client.CloseIdleConnections()
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.Background(), frontDrain)
	defer cancel()
	// A connection that never sent a request, as browsers open them ahead, is not
	// idle to fasthttp. Nobody waits on it, so it ends with the process.
	if err := f.server.ShutdownWithContext(limit); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return <-served
}

// serve hands one request to a node, and to another one where that does not
// answer: a purchase sent again is one order.
func (f *front) serve(ctx *fasthttp.RequestCtx) {
	if servePage(ctx) {
		return
	}
	request := fasthttp.AcquireRequest()
	defer fasthttp.ReleaseRequest(request)
	ctx.Request.CopyTo(request)
	request.Header.ResetConnectionClose()
	request.Header.Del("Onsale-Retried")
	request.Header.Del("X-Request-Id")
	// As Nginx does: what the buyer claims about the address is dropped.
	request.Header.Set("X-Real-IP", ctx.RemoteIP().String())
	request.Header.Set("X-Forwarded-For", ctx.RemoteIP().String())
	request.Header.Set("X-Forwarded-Proto", "http")
	request.UseHostHeader = true

	answered, passed := false, make([]string, 0, maxTries)
	for !answered && len(passed) < maxTries {
		node, ok := f.turns.next(f.known(), passed...)
		if !ok {
			break
		}
		passed = append(passed, node.Name)
		request.URI().SetHost(node.Address)
		answered = f.client.Do(request, &ctx.Response) == nil
	}
	h := &ctx.Response.Header
	if !answered {
		ctx.Response.Reset()
		unreachable(ctx)
	}
	h.ResetConnectionClose()
	h.Del("X-Accel-Expires")
	h.Set("Cache-Control", "no-store") // what a node marks is for Nginx's cache, not for browsers'
	h.Del("X-Request-Id")
	h.Del("Onsale-Retried")
	if len(passed) > 1 {
		h.Set("Onsale-Retried", "1")
	}
}

// known is the nodes that may answer: the selling ones, or all if there are none,
// because a node's own 503 is more precise than our 502.
func (f *front) known() sale.View {
	view := f.view()
	if selling := view.Selling(); len(selling) > 0 {
		return selling
	}
	return view
}

// unreachable is Nginx's answer where no node gives one, see nginx/problems.conf.
func unreachable(ctx *fasthttp.RequestCtx) {
	ctx.SetStatusCode(fasthttp.StatusBadGateway)
	ctx.SetContentType("application/problem+json")
	ctx.Response.Header.Set("Retry-After", "1")
	ctx.Response.Header.Set("Cache-Control", "no-store")
	ctx.SetBody(append(problem.NodeUnreachable.Document(unknownOutcome(ctx)), '}'))
}

// unknownOutcome is what a call that got no answer may have done.
func unknownOutcome(ctx *fasthttp.RequestCtx) string {
	switch {
	case ctx.IsPost() && string(ctx.Path()) == buyerapi.WebhookPath:
		return "The payment may have been recorded all the same: send the message again after Retry-After, a payment counts once."
	case ctx.IsPost():
		return "A purchase may have gone through all the same: send it again unchanged after Retry-After, it never makes a second order."
	case ctx.IsDelete():
		return "The order may have been cancelled all the same: send the request again after Retry-After, an order is cancelled once."
	}
	return "Ask again after Retry-After."
}
