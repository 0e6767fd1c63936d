package app

import (
	"go.uber.org/zap"

	"onsale/internal/tracing"
)

// TraceFlags locate the collector of spans.
type TraceFlags struct {
	Endpoint string  `name:"otlp-endpoint" env:"ONSALE_OTLP_ENDPOINT" help:"URL of an OpenTelemetry collector that takes OTLP over HTTP, such as http://10.0.0.9:4318. Empty: nothing is traced."`
	Sample   float64 `name:"trace-sample" default:"0.001" env:"ONSALE_TRACE_SAMPLE" help:"Share of the purchases that is traced, 0 to 1, of those without a traceparent; the others go by theirs. Nodes alone decide; allocators record each plan."`
}

// Tracer makes the tracer of a program with a name, or nil if there is no collector.
func (f TraceFlags) Tracer(program, name string, log *zap.Logger) (*tracing.Tracer, error) {
	return tracing.New(tracing.Config{Endpoint: f.Endpoint, Sample: f.Sample, Service: "onsale-" + program, Instance: name, Version: Version()}, log)
}
