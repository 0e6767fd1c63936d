// Package collector is a collector of OpenTelemetry's spans for tests: it takes OTLP over HTTP, and keeps all that it gets.
package collector

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collect "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one span. Ids are hexadecimal digits.
type Span struct {
	Service, Name     string
	Trace, ID, Parent string   // Parent is empty for the root of a trace
	Links             []string // ids of spans
	Text              map[string]string
	Numbers           map[string]int64
	Failed            bool
	Begin, End        time.Time
}

// Collector is a collector that listens.
type Collector struct {
	URL string // of the collector, without a path

	mu    sync.Mutex
	spans []Span
	await chan struct{} // if not nil, no request is answered until it is closed
}

// Start starts a collector for as long as the test runs.
func Start(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	server := httptest.NewServer(http.HandlerFunc(c.serve))
	c.URL = server.URL
	t.Cleanup(func() {
		c.Answer()
		server.CloseClientConnections()
		server.Close()
	})
	return c
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	await := c.await
	c.mu.Unlock()
	if await != nil {
		select {
		case <-await:
		case <-r.Context().Done():
		}
		http.Error(w, "hanging", http.StatusServiceUnavailable)
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "want POST /v1/traces with application/x-protobuf", http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(r.Body)
	var request collect.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &request)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.keep(&request)
	w.Header().Set("Content-Type", "application/x-protobuf") // of an empty message
}

func (c *Collector) keep(request *collect.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		about, _ := attributes(resource.Resource.GetAttributes())
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, spanOf(about["service.name"], s))
			}
		}
	}
}

func spanOf(service string, s *otlp.Span) Span {
	span := Span{
		Service: service, Name: s.Name, Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Failed: s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR, Begin: time.Unix(0, int64(s.StartTimeUnixNano)), End: time.Unix(0, int64(s.EndTimeUnixNano)),
	}
	span.Text, span.Numbers = attributes(s.Attributes)
	for _, l := range s.Links {
		span.Links = append(span.Links, hex.EncodeToString(l.SpanId))
	}
	return span
}

func attributes(list []*common.KeyValue) (text map[string]string, numbers map[string]int64) {
	text, numbers = map[string]string{}, map[string]int64{}
	for _, a := range list {
		switch v := a.Value.GetValue().(type) {
		case *common.AnyValue_StringValue:
			text[a.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			numbers[a.Key] = v.IntValue
		}
	}
	return text, numbers
}

// Spans returns all spans that were exported so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Named returns those of a name in a trace.
func (c *Collector) Named(trace, name string) (named []Span) {
	for _, s := range c.Spans() {
		if s.Trace == trace && s.Name == name {
			named = append(named, s)
		}
	}
	return named
}

// Hang has the collector take requests and answer none, until Answer is called.
func (c *Collector) Hang() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.await = make(chan struct{})
}

// Answer has it answer again.
func (c *Collector) Answer() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.await != nil {
		close(c.await)
		c.await = nil
	}
}
