package sale

import (
	"context"
	"encoding/hex"
	"strings"
	"time"
)

// Trace is a place in a distributed trace, as W3C Trace Context names it: what happens next belongs to the
// trace, and comes after the span.
type Trace struct {
	ID   [16]byte // of the trace; never all zero
	Span [8]byte  // of the span; never all zero
}

// traceLength is that of a traceparent of version 00: "00-", 32 and 16 hexadecimal digits, and flags.
const traceLength = 55

// ParseTrace reads a traceparent of https://www.w3.org/TR/trace-context/, of version 00 or a later one. sampled is the
// wish of whoever sent it that the trace is recorded. ok is false for anything else, which is to be ignored.
func ParseTrace(text string) (t Trace, sampled, ok bool) {
	if len(text) < traceLength || text[2] != '-' || text[35] != '-' || text[52] != '-' {
		return Trace{}, false, false
	}
	var version, flags [1]byte
	if !digits(version[:], text[:2]) || !digits(t.ID[:], text[3:35]) || !digits(t.Span[:], text[36:52]) || !digits(flags[:], text[53:55]) {
		return Trace{}, false, false
	}
	later := version[0] > 0 && version[0] < 0xff && (len(text) == traceLength || text[traceLength] == '-')
	if version[0] != 0 && !later || version[0] == 0 && len(text) != traceLength || t.ID == [16]byte{} || t.Span == [8]byte{} {
		return Trace{}, false, false
	}
	return t, flags[0]&1 == 1, true
}

// digits decodes hexadecimal digits, which are lower case in a traceparent.
func digits(into []byte, text string) bool {
	if strings.ContainsAny(text, "ABCDEF") {
		return false
	}
	_, err := hex.Decode(into, []byte(text))
	return err == nil
}

// String is the traceparent of a trace that is recorded.
func (t Trace) String() string {
	var text [traceLength]byte
	copy(text[:], "00-")
	hex.Encode(text[3:], t.ID[:])
	text[35] = '-'
	hex.Encode(text[36:], t.Span[:])
	copy(text[52:], "-01")
	return string(text[:])
}

// TraceID is the trace's id in hexadecimal digits.
func (t Trace) TraceID() string { return hex.EncodeToString(t.ID[:]) }

// TracedClaim is a claim that waits to be decided, in a trace.
type TracedClaim struct {
	Trace Trace
	Since time.Time // when it began to wait
}

// tracesAtMost is how many traces an event carries, and how many are read of one. Raised, events of a site that records
// every purchase grow; lowered, more of its orders are found in the ledger's spans only by the spans of their calls.
const tracesAtMost = 16

// FormatTraces writes traces for an event, the first of too many.
func FormatTraces(traced []TracedClaim) string {
	var text strings.Builder
	for i, c := range traced[:min(len(traced), tracesAtMost)] {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(c.Trace.String())
	}
	return text.String()
}

// ParseTraces reads what FormatTraces wrote. What can't be read is left out: nothing depends on it.
func ParseTraces(text string) (traces []Trace) {
	for one := range strings.SplitSeq(text, " ") {
		if t, _, ok := ParseTrace(one); ok && len(traces) < tracesAtMost {
			traces = append(traces, t)
		}
	}
	return traces
}

// traceKey is where a context has its trace.
type traceKey struct{}

// WithTrace has what is done with the context belong to a trace.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// TraceOf is the trace that a context belongs to; nil: none is recorded.
func TraceOf(ctx context.Context) *Trace {
	t, _ := ctx.Value(traceKey{}).(*Trace)
	return t
}
