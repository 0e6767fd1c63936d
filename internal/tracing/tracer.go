package tracing

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"onsale/internal/failurelog"
)

// Tracer records spans between Start and Close. Nil is one that records nothing: its hooks are nil.
type Tracer struct {
	config   Config
	log      *zap.Logger
	wished   *rate.Limiter
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// New makes a tracer, or nil if the configuration names no collector. It starts nothing.
func New(c Config, log *zap.Logger) (*Tracer, error) {
	if err := c.Validate(); err != nil || c.Endpoint == "" {
		return nil, err
	}
	return &Tracer{config: c, log: log, wished: rate.NewLimiter(wishes, wishes)}, nil
}

// Start lets spans be recorded and exported. The collector may be away. It must be called once, before any hook is.
func (t *Tracer) Start() error {
	if t == nil {
		return nil
	}
	target, err := t.config.target()
	if err != nil {
		return err
	}
	client, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(target), otlptracehttp.WithTimeout(exporting/2),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: exporting / 20, MaxInterval: exporting / 4, MaxElapsedTime: exporting}))
	if err != nil {
		return err
	}
	limits := sdk.NewSpanLimits()
	limits.LinkCountLimit, limits.AttributeValueLengthLimit = linked, 256
	t.provider = sdk.NewTracerProvider(
		// Whether something is recorded is decided before a span of it is begun.
		sdk.WithSampler(sdk.AlwaysSample()), sdk.WithRawSpanLimits(limits),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.namespace", "onsale"), attribute.String("service.name", t.config.Service),
			attribute.String("service.instance.id", t.config.Instance), attribute.String("service.version", t.config.Version))),
		sdk.WithBatcher(newExporter(client, t.log), sdk.WithMaxQueueSize(queued), sdk.WithMaxExportBatchSize(batched),
			sdk.WithBatchTimeout(every), sdk.WithExportTimeout(exporting)))
	t.tracer = t.provider.Tracer("onsale")
	return nil
}

// Close exports what waits, for as long as a bound allows, and ends the export. A span that ends later is dropped.
func (t *Tracer) Close() {
	if t == nil || t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushing)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Info("the last spans are lost: the collector did not take them in time", zap.Error(err))
	}
}

// exporter logs once that the collector takes no spans, and that it does again.
type exporter struct {
	sdk.SpanExporter
	failures *failurelog.Log[struct{}]
}

var notExported = &failurelog.Kind{Begins: "the collector takes no spans: they are dropped", Over: "the collector takes spans again", Level: zap.WarnLevel}

func newExporter(to sdk.SpanExporter, log *zap.Logger) exporter {
	return exporter{to, failurelog.New[struct{}](log, nil)}
}

// ExportSpans implements sdk.SpanExporter. Its failures are its own: who is given one would log each.
func (e exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case errors.Is(err, context.Canceled):
	case err != nil:
		e.failures.Note(struct{}{}, notExported, err)
	default:
		e.failures.Note(struct{}{}, nil, nil)
	}
	return nil
}
