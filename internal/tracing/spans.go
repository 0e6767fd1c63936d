package tracing

import (
	"context"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"onsale/internal/sale"
)

// Keys of attributes.
const (
	saleKey    = attribute.Key("onsale.sale")
	answerKey  = attribute.Key("onsale.answer")
	requestKey = attribute.Key("onsale.request_id")
	claimsKey  = attribute.Key("onsale.claims")
	entriesKey = attribute.Key("onsale.entries")
	ordersKey  = attribute.Key("onsale.orders")
	statusKey  = attribute.Key("http.response.status_code")
	reasonKey  = attribute.Key("onsale.reason")
	nodesKey   = attribute.Key("onsale.nodes")
	planKey    = attribute.Key("onsale.plan")
	databaseOf = attribute.Key("db.system.name")
)

// Purchase is the hook for a purchase that begins, with its traceparent, which may be empty or nonsense. It returns
// the purchase's place in its trace, and what ends its span with the answer's code and status and the request's id;
// nil where it is not recorded.
func (t *Tracer) Purchase() func(id sale.ID, parent string) (place *sale.Trace, end func(code string, status int, request string)) {
	if t == nil {
		return nil
	}
	return t.purchase
}

func (t *Tracer) purchase(id sale.ID, parent string) (*sale.Trace, func(string, int, string)) {
	ctx, recorded := t.decide(parent)
	if !recorded {
		return nil, nil
	}
	_, span := t.tracer.Start(ctx, "purchase", trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(saleKey.String(string(id))))
	return placeOf(span), func(code string, status int, request string) {
		span.SetAttributes(answerKey.String(code), statusKey.Int(status))
		if request != "" {
			span.SetAttributes(requestKey.String(request))
		}
		if status >= 500 {
			span.SetStatus(codes.Error, code)
		}
		span.End()
	}
}

// decide returns where a purchase stands, and whether it is recorded: as its sender has decided, up to a bound, or
// at random if none has.
func (t *Tracer) decide(parent string) (context.Context, bool) {
	if parent != "" {
		switch place, sampled, ok := sale.ParseTrace(parent); {
		case !ok:
		case sampled && t.wished.Allow():
			return under(context.Background(), place), true
		default:
			return nil, false
		}
	}
	return context.Background(), rand.Float64() < t.config.Sample
}

// Deduct is the hook for a call of Redis that decides claims of which some, at least one, are recorded. It returns what ends the
// spans of the call and of these claims.
func (t *Tracer) Deduct() func(id sale.ID, claims int, traced []sale.TracedClaim) (end func(error)) {
	if t == nil {
		return nil
	}
	return t.deduct
}

func (t *Tracer) deduct(id sale.ID, claims int, traced []sale.TracedClaim) func(error) {
	waited := make([]trace.Span, len(traced))
	places := make([]sale.Trace, len(traced))
	for i, c := range traced {
		_, waited[i] = t.tracer.Start(under(context.Background(), c.Trace), "claim", trace.WithTimestamp(c.Since))
		places[i] = *placeOf(waited[i])
	}
	call := t.batch("deduct", trace.SpanKindClient, places, saleKey.String(string(id)), claimsKey.Int(claims), databaseOf.String("redis"))
	for _, w := range waited {
		w.AddLink(trace.Link{SpanContext: call.SpanContext()})
	}
	return func(err error) {
		finish(call, err)
		for _, w := range waited {
			finish(w, err)
		}
	}
}

// Record is the hook for a transaction that records entries of a sale's stream, with orders of recorded purchases, at least one.
// It returns what ends its span.
func (t *Tracer) Record() func(id sale.ID, entries, orders int, traces []sale.Trace) (end func(error)) {
	if t == nil {
		return nil
	}
	return func(id sale.ID, entries, orders int, traces []sale.Trace) func(error) {
		span := t.batch("record", trace.SpanKindConsumer, traces, saleKey.String(string(id)), entriesKey.Int(entries), ordersKey.Int(orders), databaseOf.String("postgresql"))
		return func(err error) { finish(span, err) }
	}
}

// Plan is the hook for an allocator's plan that is due, for so many nodes, with the time at which the survey of its sale
// began. It returns what ends the plan's spans, with its number or why it was not written. So many a second are recorded at most.
func (t *Tracer) Plan() func(id sale.ID, reason string, nodes int, since time.Time) (end func(plan sale.Generation, err error)) {
	if t == nil {
		return nil
	}
	return func(id sale.ID, reason string, nodes int, since time.Time) func(sale.Generation, error) {
		if !t.wished.Allow() {
			return func(sale.Generation, error) {}
		}
		ctx, plan := t.tracer.Start(context.Background(), "plan", trace.WithTimestamp(since),
			trace.WithAttributes(saleKey.String(string(id)), reasonKey.String(reason), nodesKey.Int(nodes)))
		call := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(databaseOf.String("redis"))}
		_, survey := t.tracer.Start(ctx, "survey", append(call, trace.WithTimestamp(since))...)
		survey.End()
		_, write := t.tracer.Start(ctx, "write", call...)
		return func(number sale.Generation, err error) {
			if err == nil {
				plan.SetAttributes(planKey.Int64(int64(number)))
			}
			finish(write, err)
			finish(plan, err)
		}
	}
}

// batch begins the span of what is done for several traces at once: a child of the first, with links to all.
func (t *Tracer) batch(name string, kind trace.SpanKind, of []sale.Trace, about ...attribute.KeyValue) trace.Span {
	links := make([]trace.Link, min(len(of), linked))
	for i := range links {
		links[i].SpanContext = contextOf(of[i])
	}
	_, span := t.tracer.Start(under(context.Background(), of[0]), name, trace.WithSpanKind(kind), trace.WithLinks(links...), trace.WithAttributes(about...))
	return span
}

func finish(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}

// under is a context whose spans come after a place.
func under(ctx context.Context, place sale.Trace) context.Context {
	return trace.ContextWithRemoteSpanContext(ctx, contextOf(place))
}

func contextOf(t sale.Trace) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: t.ID, SpanID: t.Span, TraceFlags: trace.FlagsSampled, Remote: true})
}

func placeOf(span trace.Span) *sale.Trace {
	c := span.SpanContext()
	return &sale.Trace{ID: c.TraceID(), Span: c.SpanID()}
}
