package strategy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"onsale/internal/buyerapi"
	"onsale/internal/problem"
	"onsale/internal/token"
)

// front sells a strategy's tickets over HTTP, as the node does.
type front struct {
	strategy Strategy
	verifier *token.Verifier
	patience time.Duration
}

// idle is how long a keep-alive connection may be silent, as on the node.
const idle = time.Minute

// Serve sells on the address until ctx ends, and then finishes what is under way.
// The harness's routes are on the same port, below /bench/ (see [Admin]), and so is
// /livez. The strategy stays open.
func Serve(ctx context.Context, listen string, s Strategy, v *token.Verifier) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("buyers' port: %w", err)
	}
	return (&front{s, v, Patience}).serve(ctx, l)
}

// serve is Serve on a listener, which it closes.
func (f *front) serve(ctx context.Context, l net.Listener) error {
	// What spares the node work spares it here: see buyerapi.NewServer for each.
	server := &fasthttp.Server{
		Handler: f.route, Name: "onsale",
		ReadTimeout: idle, WriteTimeout: idle, IdleTimeout: idle,
		MaxRequestBodySize: 8 << 10, ReadBufferSize: 8 << 10,
		CloseOnShutdown: true, NoDefaultContentType: true, LazyRequestTime: true,
		DisablePreParseMultipartForm: true, SecureErrorLogMessage: true, Logger: silent{},
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(buyerapi.Patient(l)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*f.patience)
	defer cancel()
	err := server.ShutdownWithContext(limit)
	// A server that had not begun yet knows nothing of its shutdown.
	_ = l.Close()
	return errors.Join(err, <-ended)
}

// silent drops fasthttp's own log, a line for each connection that breaks: the
// generator counts those.
type silent struct{}

// Printf implements fasthttp.Logger.
func (silent) Printf(string, ...any) {}

const prefix = "/v1/sales/"

func (f *front) route(ctx *fasthttp.RequestCtx) {
	path := string(ctx.URI().PathOriginal())
	if rest, ok := strings.CutPrefix(path, prefix); ok {
		name, rest, _ := strings.Cut(rest, "/")
		switch {
		case rest != "orders":
			refuse(ctx, problem.NotFound, nil)
		case !ctx.IsPost():
			ctx.Response.Header.Set("Allow", "POST")
			refuse(ctx, problem.MethodNotAllowed, nil)
		default:
			f.buy(ctx, name)
		}
		return
	}
	if path == "/livez" {
		ctx.SetBodyString("ok\n")
		return
	}
	if !f.administer(ctx, path) {
		refuse(ctx, problem.NotFound, nil)
	}
}

// buy is a purchase. Unlike on the node the token comes first: a strategy asks its
// store for each buyer, and nobody unknown may cost it that.
func (f *front) buy(ctx *fasthttp.RequestCtx, name string) {
	buyer, ok := f.identify(ctx)
	if !ok {
		ctx.Response.Header.Set("WWW-Authenticate", `Bearer realm="onsale"`)
		refuse(ctx, problem.Unauthorized, nil)
		return
	}
	if !wantsOne(ctx.PostBody()) {
		refuse(ctx, problem.InvalidRequest, nil)
		return
	}
	limit, cancel := context.WithTimeout(context.Background(), f.patience)
	defer cancel()
	o, order, err := f.strategy.Buy(limit, name, buyer)
	switch {
	case err != nil:
		refuse(ctx, failure(err), err)
	case o == Sold:
		show(ctx, buyerapi.Created, name, order)
	case o == Replayed:
		ctx.Response.Header.Set("Idempotent-Replayed", "true")
		show(ctx, buyerapi.Replayed, name, order)
	case o == SoldOut:
		refuse(ctx, problem.SoldOut, nil)
	case o == Conflict:
		refuse(ctx, problem.Busy, nil)
	default:
		refuse(ctx, problem.OutcomeUnknown, fmt.Errorf("the strategy answered %v", o))
	}
}

// identify returns the buyer that the request's token names.
func (f *front) identify(ctx *fasthttp.RequestCtx) (string, bool) {
	scheme, token, found := strings.Cut(string(ctx.Request.Header.Peek("Authorization")), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	buyer, err := f.verifier.Verify(strings.TrimSpace(token), time.Now())
	return string(buyer), err == nil
}
